from __future__ import annotations

import dataclasses
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pulmoscan.errors import InvalidThreshold, PulmoScanError, RefusedByGate, UnknownModel, UnknownPopulation
from pulmoscan.examination import gate
from pulmoscan.examination.examine import corrected, examine
from pulmoscan.examination.lungs import LungReader
from pulmoscan.examination.quality import Defect
from pulmoscan.models.card import HEAT_METHODS, Card
from pulmoscan.models.classifier import Classifier, Forward
from pulmoscan.models.registry import MODELS, get_spec
from pulmoscan.population import operating_point
from pulmoscan.reading.radiograph import Radiograph
from pulmoscan.screening import Reading, decide, read, screen
from tests.chest_views import chest_view, examination, two_lungs

BLURRED = Defect("blur", "The image is blurred.")
EVERYWHERE = np.ones((224, 224), np.float32)
"""Lungs that no heat lies outside of."""


@pytest.fixture
def card() -> Card:
    return Card("", {"child": 0.31, "adult": 0.42}, {"child": 0.995, "adult": 0.95}, "hirescam", 2.0, {}, {})


@pytest.fixture
def reading(card: Card) -> Reading:
    """A reading that no model made."""
    weak = np.zeros((7, 7), np.float32)
    weak[3, 3] = 1.0
    strong = np.full((7, 7), 3.0, np.float32)
    return Reading(
        get_spec("resnet18"), card, "key", 300, 400, None, 0.4, 0.6, {"hirescam": weak, "gradcam": strong}, 12.0
    )


def with_(reading: Reading, **changes: Any) -> Reading:
    return dataclasses.replace(reading, **changes)


# One path, many threads


def test_threads_do_not_see_each_other(models: Path, radiographs: list[Radiograph]) -> None:
    """Sixteen sessions, three shared models: everyone gets their own patient's reading."""
    assert models.is_dir()
    jobs = [(radiograph, name) for radiograph in radiographs for name in MODELS]
    alone = [read(*job) for job in jobs]
    order = np.random.default_rng(0).permutation(len(jobs))
    with ThreadPoolExecutor(16) as pool:
        together = dict(zip(order, pool.map(lambda at: read(*jobs[at]), order), strict=True))
    for at, expected in enumerate(alone):
        actual = together[at]
        assert actual.radiograph_key == expected.radiograph_key == jobs[at][0].key
        assert actual.probability == pytest.approx(expected.probability, abs=1e-6)
        for method in HEAT_METHODS:
            np.testing.assert_allclose(actual.evidence[method], expected.evidence[method], rtol=1e-4, atol=1e-6)
    assert len({round(r.probability, 6) for r in alone}) > len(jobs) // 2  # a mix-up would show


@pytest.mark.parametrize("name", MODELS)
def test_reading_repeats_exactly(name: str, models: Path, radiographs: list[Radiograph]) -> None:
    assert models.is_dir()
    first, second = read(radiographs[0], name), read(radiographs[0], name)
    assert first.logit == second.logit
    for method in HEAT_METHODS:
        np.testing.assert_array_equal(first.evidence[method], second.evidence[method])
    np.testing.assert_array_equal(first.heatmap(), second.heatmap())


def test_reading(models: Path, radiographs: list[Radiograph]) -> None:
    assert models.is_dir()
    radiograph = radiographs[1]
    result = read(radiograph, "densenet121")
    assert result.model.name == "densenet121"
    assert result.radiograph_key == radiograph.key
    assert result.probability == pytest.approx(1 / (1 + math.exp(-result.logit)), abs=1e-6)
    assert 0 < result.probability < 1
    assert result.milliseconds > 0
    assert {method: e.shape for method, e in result.evidence.items()} == dict.fromkeys(HEAT_METHODS, (14, 14))
    assert result.heatmap().shape == radiograph.pixels.shape
    assert result.heatmap(50, 60).shape == (50, 60)


def test_unknown_model(radiographs: list[Radiograph]) -> None:
    with pytest.raises(UnknownModel):
        read(radiographs[0], "vgg16")


# The decision


def test_moving_the_threshold_runs_no_model(
    models: Path, radiographs: list[Radiograph], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert models.is_dir()
    passes: list[int] = []
    forward = Classifier.forward

    def counted(self: Classifier, x: NDArray[np.float32]) -> Forward:
        passes.append(len(x))
        return forward(self, x)

    monkeypatch.setattr(Classifier, "forward", counted)
    result = read(radiographs[0], "resnet18")
    assert passes == [1]
    labels = {decide(result, threshold=step / 100).label for step in range(101)}
    assert labels == {"pneumonia", "normal"}
    assert passes == [1]
    assert screen(radiographs[0], "resnet18").reading.probability == result.probability
    assert passes == [1, 1]


@pytest.mark.parametrize(
    ("threshold", "label"),
    [(0.0, "pneumonia"), (0.6, "pneumonia"), (math.nextafter(0.6, 1), "normal"), (1.0, "normal")],
)
def test_at_the_threshold_is_pneumonia(reading: Reading, threshold: float, label: str) -> None:
    result = decide(reading, threshold=threshold)
    assert (result.label, result.threshold) == (label, threshold)


@pytest.mark.parametrize("threshold", [-0.01, 1.01, math.nan, math.inf])
def test_invalid_threshold(reading: Reading, threshold: float) -> None:
    with pytest.raises(InvalidThreshold, match="0 to 1"):
        decide(reading, threshold=threshold)


@pytest.mark.parametrize("population", ["Child", "", "elderly", None])
def test_unknown_population(reading: Reading, population: Any) -> None:
    with pytest.raises(UnknownPopulation, match="child, adult or auto"):
        decide(reading, population)


@pytest.mark.parametrize(
    ("choice", "age", "population", "threshold"),
    [
        ("auto", 0.0, "child", 0.31),
        ("auto", 17.99, "child", 0.31),
        ("auto", 18.0, "adult", 0.42),
        ("auto", 90.0, "adult", 0.42),
        ("auto", None, "unknown", 0.31),
        ("child", None, "child", 0.31),
        ("adult", None, "adult", 0.42),
        ("adult", 4.0, "adult", 0.42),  # the choice overrules the file
    ],
)
def test_population(reading: Reading, choice: Any, age: float | None, population: str, threshold: float) -> None:
    result = decide(with_(reading, age=age), choice)
    assert (result.population, result.threshold) == (population, threshold)


def test_unknown_age_takes_the_more_sensitive_point(card: Card) -> None:
    assert operating_point(card.thresholds).measured_on == "child"
    swapped = dataclasses.replace(card, thresholds={"child": 0.5, "adult": 0.2})
    point = operating_point(swapped.thresholds)
    assert (point.population, point.measured_on, point.threshold) == ("unknown", "adult", 0.2)


def test_own_threshold_keeps_the_population(reading: Reading) -> None:
    result = decide(reading, "adult", 0.9)
    assert (result.population, result.threshold, result.label) == ("adult", 0.9, "normal")


# Warnings


@pytest.mark.parametrize(
    ("changes", "choice", "expected"),
    [
        ({"age": 30.0}, "auto", []),
        ({"age": 3.0}, "auto", []),
        ({}, "child", []),
        ({}, "auto", ["children"]),
        ({"age": 6.0}, "auto", ["no figures for this age"]),
        ({"age": 17.9}, "adult", ["no figures for this age"]),
        ({"age": 30.0, "examination": examination(None, BLURRED, lungs=EVERYWHERE)}, "auto", [BLURRED.message]),
        ({"examination": examination(None, BLURRED, lungs=EVERYWHERE)}, "auto", ["children", BLURRED.message]),
        (
            {"age": 30.0, "examination": examination(gate.NOT_A_CHEST, lungs=EVERYWHERE)},
            "auto",
            ["although it was refused: This does"],
        ),
    ],
)
def test_warnings(reading: Reading, changes: dict[str, Any], choice: Any, expected: list[str]) -> None:
    warnings = decide(with_(reading, **changes), choice).warnings
    assert len(warnings) == len(expected)
    for warning, part in zip(warnings, expected, strict=True):
        assert part in warning


def test_unknown_age_names_the_population_that_it_takes(reading: Reading, card: Card) -> None:
    swapped = dataclasses.replace(card, thresholds={"child": 0.5, "adult": 0.2})
    (warning,) = decide(with_(reading, card=swapped)).warnings
    assert "adults" in warning


# The gate


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lung network takes every picture for something else; lists what was looked at."""
    looks: list[str] = []

    def look(_: LungReader, pixels: np.ndarray) -> Any:
        looks.append(str(pixels.shape))
        return chest_view(chest=0.01)

    monkeypatch.setattr(LungReader, "look", look)
    return looks


def test_what_is_no_chest_gets_no_probability(models: Path, radiographs: list[Radiograph], refused: list[str]) -> None:
    assert models.is_dir()
    with pytest.raises(RefusedByGate, match="does not look like a frontal chest") as caught:
        read(radiographs[0], "resnet18")
    assert str(caught.value) == gate.NOT_A_CHEST.message
    with pytest.raises(RefusedByGate):
        screen(radiographs[0], "resnet18")
    assert len(refused) == 2


def test_override_is_said_in_every_screening(models: Path, radiographs: list[Radiograph], refused: list[str]) -> None:
    assert models.is_dir()
    result = read(radiographs[0], "resnet18", override=True)
    assert len(refused) == 1
    assert result.overridden == gate.NOT_A_CHEST
    for threshold in (0.0, 1.0):
        warnings = decide(result, "adult", threshold).warnings
        assert "although it was refused" in warnings[0]


def test_correction_is_said_in_every_screening(models: Path, radiographs: list[Radiograph]) -> None:
    assert models.is_dir()
    turned = corrected(radiographs[0], gate.Correction(2))
    result = read(turned, "resnet18")
    for threshold in (0.0, 1.0):
        assert any("was turned by 180° before it was read" in w for w in decide(result, "child", threshold).warnings)
    assert not any("before it was read" in w for w in screen(radiographs[0], "resnet18").warnings)


def test_models_share_one_examination(
    models: Path, radiographs: list[Radiograph], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert models.is_dir()
    seen = examine(radiographs[0])
    monkeypatch.setattr(LungReader, "look", None)  # looking again would fail
    for name in MODELS:
        result = read(radiographs[0], name, seen)
        assert result.examination is seen
        assert not result.overridden


# Where the heat lies


@pytest.mark.parametrize(
    ("lungs", "label", "warned"),
    [
        (two_lungs(60, 60), "pneumonia", True),
        (two_lungs(60, 60), "normal", False),
        (EVERYWHERE, "pneumonia", False),
        (np.zeros((224, 224), np.float32), "pneumonia", False),
    ],
)
def test_positive_call_that_rests_on_what_lies_outside_the_lungs(
    reading: Reading, lungs: np.ndarray, label: str, warned: bool
) -> None:
    """The heat of the made-up reading lies in the middle of the picture."""
    seen = with_(reading, examination=examination(lungs=lungs))
    result = decide(seen, "adult", 0.0 if label == "pneumonia" else 1.0)
    assert result.label == label
    assert result.lung_attention == seen.lung_attention()
    assert any("of the heat lies inside the outlined lungs" in warning for warning in result.warnings) == warned


def test_lung_attention(reading: Reading) -> None:
    assert reading.lung_attention() is None
    assert decide(reading).lung_attention is None
    seen = with_(reading, examination=examination())
    # Three log-odds everywhere: the share of the heat is the share of the area.
    assert seen.lung_attention("gradcam") == pytest.approx(chest_view().mask.mean(), abs=0.001)
    assert seen.lung_attention() != seen.lung_attention("gradcam")
    assert with_(seen, examination=examination(lungs=np.zeros((224, 224), np.float32))).lung_attention() is None


# The heatmap


def test_heatmap_takes_method_and_scale_from_the_card(reading: Reading) -> None:
    heat = reading.heatmap(70, 70)
    assert heat.max() == pytest.approx(0.5, abs=0.02)  # one log-odds, at a reference of two
    assert reading.heatmap(70, 70, "gradcam").min() == 1  # three log-odds everywhere: clipped
    assert reading.heatmap().shape == (300, 400)


@pytest.mark.parametrize(
    ("strongest", "peak", "faint"), [(0.0, 0.0, True), (0.29, 0.145, True), (0.3, 0.15, False), (5, 1, False)]
)
def test_faint(reading: Reading, strongest: float, peak: float, faint: bool) -> None:
    evidence = np.zeros((7, 7), np.float32)
    evidence[2, 2] = strongest
    weak = with_(reading, evidence={"hirescam": evidence, "gradcam": evidence})
    assert weak.peak_heat == pytest.approx(peak)
    assert weak.is_faint is faint


def test_errors_are_sentences() -> None:
    for error in (InvalidThreshold(2), UnknownPopulation("x"), UnknownModel("x", "a, b")):
        assert isinstance(error, PulmoScanError)
        assert str(error).endswith(".")

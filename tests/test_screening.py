from __future__ import annotations

import dataclasses
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pulmoscan import screening
from pulmoscan.classifier import Classifier, Forward
from pulmoscan.errors import InvalidThreshold, PulmoScanError, UnknownModel, UnknownPopulation
from pulmoscan.radiograph import Radiograph
from pulmoscan.registry import HEAT_METHODS, MODELS, Card
from pulmoscan.screening import Reading, decide, operating_point, read, screen


@pytest.fixture
def card() -> Card:
    return Card("", {"child": 0.31, "adult": 0.42}, {"child": 0.995, "adult": 0.95}, "hirescam", 2.0, {}, {})


@pytest.fixture
def reading(card: Card) -> Reading:
    """A reading that no model made."""
    weak = np.zeros((7, 7), np.float32)
    weak[3, 3] = 1.0
    strong = np.full((7, 7), 3.0, np.float32)
    return Reading("resnet18", card, "key", 300, 400, None, 0.4, 0.6, {"hirescam": weak, "gradcam": strong}, 12.0)


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
    assert result.model == "densenet121"
    assert result.radiograph_key == radiograph.key
    assert result.probability == pytest.approx(1 / (1 + math.exp(-result.logit)), abs=1e-6)
    assert 0 < result.probability < 1
    assert result.milliseconds > 0
    assert {method: e.shape for method, e in result.evidence.items()} == dict.fromkeys(HEAT_METHODS, (7, 7))
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

    def counted(self: Classifier, x: torch.Tensor) -> Forward:
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
    assert operating_point(card).measured_on == "child"
    swapped = dataclasses.replace(card, thresholds={"child": 0.5, "adult": 0.2})
    point = operating_point(swapped)
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
        ({"age": 30.0, "height": 223}, "auto", ["400 × 223"]),
        ({"height": 224, "width": 100}, "auto", ["children", "100 × 224"]),
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


def test_populations_are_those_of_the_command_line() -> None:
    assert screening.POPULATION_CHOICES == ("auto", "child", "adult")

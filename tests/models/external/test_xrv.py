"""torchxrayvision's models take the path that ours take, and say what the package itself says."""

from __future__ import annotations

import io
import json
import math
import pickle
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pulmoscan import cli
from pulmoscan.errors import (
    INSTALL_XRV,
    ExternalPackageMissing,
    ExternalPackageUnusable,
    ExternalWeightsRefused,
)
from pulmoscan.models import external
from pulmoscan.models.card import write_card
from pulmoscan.models.external import weights
from pulmoscan.models.external import xrv as ours
from pulmoscan.models.external.xrv import load_external
from pulmoscan.models.loading import load_classifier
from pulmoscan.models.preprocessing import INPUT_SIZE
from pulmoscan.models.registry import EXTERNAL_MODELS, ExternalSpec, get_spec
from pulmoscan.population import Population
from pulmoscan.reading.radiograph import Radiograph, load_radiograph
from pulmoscan.screening import decide, read, screen
from pulmoscan.statistics.metrics import Scores
from pulmoscan.training.evaluation import evaluate
from tests.models.external.conftest import ALL, CHEX, Place, put
from tests.models.external.published import package, published_format, random_module
from tests.pictures import chest, encode, grey8

xrv = package()


@pytest.fixture(scope="module")
def wide() -> Radiograph:
    return load_radiograph(encode(grey8(300, 421, seed=2), "PNG"), "wide.png")


def as_the_package_does(spec: ExternalSpec, radiograph: Radiograph) -> dict[str, float]:
    """The package's documented way: its own preprocessing, its own forward pass, its own scaling."""
    published = xrv.models.model_urls[spec.published_as]
    model = xrv.models.DenseNet(num_classes=18, in_channels=1)
    model.load_state_dict(random_module().state_dict())
    model.eval()
    model.op_threshs = torch.tensor(published["op_threshs"])
    image = xrv.utils.normalize(np.round(radiograph.pixels * 255), 255)[None]
    image = xrv.datasets.XRayResizer(224)(xrv.datasets.XRayCenterCrop()(image))
    with torch.no_grad():
        scores = model(torch.from_numpy(image)[None])[0]
    return {name: score for name, score in zip(published["labels"], scores.tolist(), strict=True) if name}


# The registry is the package's


@pytest.mark.parametrize("spec", EXTERNAL_MODELS.values(), ids=EXTERNAL_MODELS)
def test_registry_names_what_the_package_names(spec: ExternalSpec) -> None:
    published = xrv.models.model_urls[spec.published_as]
    assert spec.url == published["weights_url"]
    assert spec.weights_path == Path(xrv.utils.get_cache_dir()) / Path(published["weights_url"]).name
    assert published["input_resolution"] == ours.INPUT_SIZE == INPUT_SIZE
    assert get_spec(spec.name) is spec


# The same answers


@pytest.mark.parametrize("spec", EXTERNAL_MODELS.values(), ids=EXTERNAL_MODELS)
def test_scores_are_the_packages(spec: ExternalSpec, placed: Place, wide: Radiograph) -> None:
    placed(spec)
    expected = as_the_package_does(spec, wide)
    reading = read(wide, spec.name)
    assert {f.name: pytest.approx(f.score, abs=1e-4) for f in reading.findings} == {
        name.replace("_", " "): score for name, score in expected.items()
    }
    assert reading.probability == pytest.approx(expected["Pneumonia"], abs=1e-4)
    assert len(reading.findings) == {"all": 18, "rsna": 2, "nih": 14, "chex": 11}[spec.name.rsplit("-", 1)[-1]]
    assert {"Pneumonia", "Lung Opacity"} <= {f.name for f in reading.findings} or spec.name.endswith("nih")
    assert len({round(score, 3) for score in expected.values()}) > 1, "the test would not see outputs mixed up"


def test_decision_is_at_the_authors_operating_point(placed: Place, wide: Radiograph) -> None:
    placed(ALL)
    reading = read(wide, ALL.name)
    (pneumonia,) = (f for f in reading.findings if f.name == "Pneumonia")
    labels = xrv.models.model_urls[ALL.published_as]["labels"]
    assert pneumonia.threshold == pytest.approx(
        xrv.models.model_urls[ALL.published_as]["op_threshs"][labels.index("Pneumonia")]
    )
    assert pneumonia.probability == pytest.approx(1 / (1 + math.exp(-reading.logit)), abs=1e-5)
    for population in ("auto", "child", "adult"):
        assert decide(reading, population).threshold == 0.5
    assert (decide(reading).label == "pneumonia") == pneumonia.is_positive == (pneumonia.probability > 0.0568)


def test_input_is_the_middle_square_from_minus_to_plus_1024(placed: Place) -> None:
    placed(ALL)
    pixels = np.zeros((100, 300), np.float32)
    pixels[:, 100:200] = 1.0
    x = load_classifier(ALL.name).prepare(pixels)
    assert x.shape == (1, 1, 224, 224)
    assert x.dtype == np.float32
    assert x.min() == x.max() == 1024
    assert (load_classifier(ALL.name).prepare(0 * pixels) == -1024).all()


# Grad-CAM


def test_gradient_equals_that_of_the_packages_network(placed: Place, wide: Radiograph) -> None:
    """Differentiating the head alone gives what autograd gives at norm5 of the package's own network."""
    placed(ALL)
    classifier = load_classifier(ALL.name)
    reference = random_module().eval()
    x = classifier.prepare(wide.pixels)
    kept = reference.features(torch.from_numpy(x)).detach().requires_grad_()
    pooled = torch.nn.functional.adaptive_avg_pool2d(torch.relu(kept), 1).flatten(1)
    pneumonia = reference.targets.index("Pneumonia")
    reference.classifier(pooled)[0, pneumonia].backward()
    assert kept.grad is not None
    weights = kept.grad.mean(dim=(2, 3), keepdim=True)
    expected = torch.relu((weights * kept.detach()).sum(dim=1))[0].numpy()
    evidence = read(wide, ALL.name).evidence["gradcam"]
    assert expected.max() > 0
    np.testing.assert_allclose(evidence, expected, rtol=1e-3, atol=1e-5)


def test_heat_lies_in_the_middle_square_only(placed: Place, wide: Radiograph) -> None:
    placed(ALL)
    reading = replace(read(wide, ALL.name), evidence={"gradcam": np.ones((7, 7), np.float32)})
    heat = reading.heatmap()
    assert heat.shape == (300, 421)
    left = 421 // 2 - 150
    assert heat[:, left : left + 300].min() > 0.99
    assert heat[:, :left].max() == heat[:, left + 300 :].max() == 0
    assert reading.heatmap(30, 42)[:, 6:36].min() > 0.99


# One path, many threads


def test_nothing_is_mutated_and_threads_do_not_see_each_other(placed: Place) -> None:
    placed(ALL)
    radiographs = [load_radiograph(encode(grey8(240, 260, seed=seed), "PNG")) for seed in range(4)]
    alone = [read(radiograph, ALL.name) for radiograph in radiographs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda radiograph: read(radiograph, ALL.name), radiographs * 2))
    for first, again in zip(alone * 2, together, strict=True):
        assert again.probability == pytest.approx(first.probability, abs=1e-6)
        np.testing.assert_allclose(again.evidence["gradcam"], first.evidence["gradcam"], rtol=1e-4, atol=1e-6)
    assert len({round(reading.probability, 4) for reading in alone}) == 4
    network = load_external(ALL)._xrv
    assert not any(p.requires_grad or p.grad is not None for p in network.parameters())
    assert not any(module.training for module in network.modules())


def test_loaded_once_and_anew_when_the_file_changes(placed: Place) -> None:
    placed(CHEX)
    first = load_classifier(CHEX.name)
    assert load_classifier(CHEX.name) is first
    assert first.settings.runtime == "torch"
    put(CHEX, published_format(random_module(seed=5)))
    assert load_classifier(CHEX.name) is not first


def test_importing_the_package_leaves_warnings_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """It silences every warning of the process when it is imported."""

    def imported(_: str) -> Any:
        warnings.filterwarnings("ignore")
        return xrv

    monkeypatch.setattr("importlib.import_module", imported)
    before = list(warnings.filters)
    assert ours.import_package(ALL) is xrv
    assert list(warnings.filters) == before


# What is said with it


def test_screening_says_that_it_is_a_score_and_of_a_test_file(placed: Place, wide: Radiograph) -> None:
    placed(ALL)
    warnings_ = " ".join(screen(wide, ALL.name).warnings)
    for part in ("a score, not a probability", "NOT THE PUBLISHED WEIGHTS", "middle square only: 71 %"):
        assert part in warnings_
    assert "age is unknown" not in warnings_, "its operating point is the same for everyone"


# What cannot be used


def test_package_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, placed: Place) -> None:
    placed(ALL)
    monkeypatch.setattr(ours, "package_is_installed", lambda: False)
    with pytest.raises(ExternalPackageMissing, match="pip install"):
        load_classifier(ALL.name)


def test_package_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch, placed: Place) -> None:
    placed(ALL)

    def fail(_: str) -> None:
        raise ImportError("no skimage")

    monkeypatch.setattr("importlib.import_module", fail)
    with pytest.raises(ExternalPackageUnusable, match="no skimage"):
        load_classifier(ALL.name)


def altered(change: Callable[[Any], None]) -> bytes:
    module = random_module()
    change(module)
    return published_format(module)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: b"<html>blocked</html>", "published format"),
        (lambda: altered(lambda m: m.features.__delattr__("norm5")), "architecture"),
        (lambda: altered(lambda m: setattr(m, "classifier", torch.nn.Linear(1024, 14))), "architecture"),
        (lambda: altered(lambda m: m.classifier.bias.data.fill_(math.nan)), "no numbers"),
        (lambda: altered(lambda m: setattr(m, "extra", torch.nn.Linear(2, 2))), "architecture"),
        (lambda: published_format(random_module())[:-100], "cut short"),
    ],
    ids=["a page", "no norm5", "14 outputs", "NaN", "more", "cut"],
)
def test_file_that_cannot_be_used(make: Callable[[], bytes], why: str) -> None:
    put(ALL, make())
    with pytest.raises(ExternalWeightsRefused, match=why):
        load_classifier(ALL.name)


def test_evil_file_is_refused_where_it_lies(tmp_path: Path) -> None:
    trap = tmp_path / "sprung"

    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (trap,)

    file = io.BytesIO()
    torch.save(Evil(), file, _use_new_zipfile_serialization=False, pickle_module=pickle)
    put(ALL, file.getvalue())
    with pytest.raises(ExternalWeightsRefused, match="which no published weights file needs"):
        load_classifier(ALL.name)
    assert not trap.exists()


# Figures


def test_there_are_no_figures_until_someone_measures(placed: Place) -> None:
    placed(ALL)
    card = load_classifier(ALL.name).card
    assert card.scores == {}
    assert not ALL.card_path.exists()


def test_figures_belong_to_the_file_that_was_measured(placed: Place) -> None:
    placed(ALL)
    card = load_classifier(ALL.name).card
    scores: dict[tuple[Population, str], Scores] = {
        ("adult", "test"): Scores(np.array([0.1, 0.2]), np.array([0.3, 0.9]))
    }
    write_card(ALL, replace(card, scores=scores))
    assert load_classifier(ALL.name).card.scores["adult", "test"].at(0.5).true_positives == 1
    write_card(ALL, replace(card, weights_sha256="0" * 64, scores=scores))
    with pytest.raises(ExternalWeightsRefused, match="other weights"):
        load_classifier(ALL.name)
    ALL.card_path.write_text("{")
    with pytest.raises(ExternalWeightsRefused, match="not a model card"):
        load_classifier(ALL.name)


def test_evaluate_fills_the_card(placed: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    placed(ALL)
    data = tmp_path / "kermany"
    for number, folder in enumerate(("NORMAL", "PNEUMONIA")):
        path = data / "images224" / "test" / folder
        path.mkdir(parents=True)
        for seed in range(3):
            name = f"IM-{seed}-0001.jpeg" if folder == "NORMAL" else f"person{seed}_virus_1.jpeg"
            Image.fromarray((chest(224, 224, 3 * number + seed) * 255).astype(np.uint8)).save(path / name)
    code = cli.main(["evaluate", "--model", ALL.name, "--data", str(data), "--record"])
    assert code == 0
    assert "its authors'" in capsys.readouterr().out
    scores = load_classifier(ALL.name).card.scores["child", "test"]
    assert (len(scores.normal), len(scores.pneumonia)) == (3, 3)
    json.loads(ALL.card_path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_evaluation_says_where_it_is_no_independent_test(placed: Place) -> None:
    placed(ALL)
    card = load_classifier(ALL.name).card
    for model, population, said in ((ALL, "adult", True), (ALL, "child", False), (CHEX, "adult", False)):
        text = evaluate._chosen(evaluate.Evaluation(model.name, card, population, "test", []))  # type: ignore[arg-type]
        assert ("NOT AN INDEPENDENT TEST" in text) == said


# The command line


def test_screen(placed: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    placed(ALL)
    path = tmp_path / "a.png"
    path.write_bytes(encode(grey8(260, 300), "PNG"))
    maps = tmp_path / "maps"
    assert cli.main(["screen", str(path), "--model", ALL.name, "--format", "json", "--maps", str(maps)]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["model"], row["threshold"]) == (ALL.name, 0.5)
    assert row["probability"] == pytest.approx(read(load_radiograph(path), ALL.name).probability, abs=1e-6)
    assert np.load(maps / "a.npy").shape == (260, 300)


def test_screen_without_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["screen", str(tmp_path), "--model", ALL.name]) == 1
    assert str(ALL.weights_path) in capsys.readouterr().err


def test_models_tells_the_state_of_each(
    placed: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    placed(ALL)
    assert [spec.name for spec in external.installed()] == [ALL.name]
    cli.main(["models"])
    out = capsys.readouterr().out
    assert f"{ALL.weights_path} (not measured here)" in out
    assert f"fetch --model {CHEX.name}" in out
    monkeypatch.setattr(external, "package_is_installed", lambda: False)
    assert external.installed() == []
    cli.main(["models"])
    assert INSTALL_XRV in capsys.readouterr().out


def test_fetch(weights_file: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("pulmoscan.models.external.weights._body", lambda *_: weights_file)
    assert cli.main(["fetch", "--model", CHEX.name]) == 0
    assert "no published checksum is known" in capsys.readouterr().out


def test_fetch_that_fails_says_why(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(*_: object) -> bytes:
        raise weights._Failed("what came is not the published file: its checksum is another")

    monkeypatch.setattr(weights, "_body", fail)
    assert cli.main(["fetch", "--model", ALL.name]) == 1
    assert "checksum is another" in capsys.readouterr().err


def test_ours_alone_can_be_trained(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["train", "--model", ALL.name, "--data", "."])
    assert "invalid choice" in capsys.readouterr().err

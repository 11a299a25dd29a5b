"""The classifiers and the lung network in each runtime against eager PyTorch in float32."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pulmoscan.examination import lungs
from pulmoscan.examination.lungs import LungReader
from pulmoscan.gallery.samples import gallery
from pulmoscan.models.card import read_card
from pulmoscan.models.classifier import Classifier
from pulmoscan.models.registry import MODELS, get_spec
from pulmoscan.reading.radiograph import Radiograph, load_radiograph
from pulmoscan.runtime import Settings
from pulmoscan.screening import Reading, read_with

LARGEST_PROBABILITY_CHANGE = 1e-4
LARGEST_HEAT_CHANGE = 1e-3
UNTRAINED = 10
"""Times more is allowed of random networks: they amplify rounding. A random ResNet-50's logits in PyTorch's own float32
are 5e-4 from those in float64; a trained one's 3e-6."""
PER_MODEL = 60


def classifier(name: str, runtime: str) -> Classifier:
    spec = get_spec(name)
    return Classifier(spec, read_card(spec), spec.weights_path.read_bytes(), Settings(runtime, threads=2))


@functools.cache
def eager(name: str, weights: Path) -> Callable[[Radiograph], Reading]:
    """What PyTorch makes of a radiograph, each time that it is asked once for all runtimes."""
    reference = classifier(name, "torch")
    assert reference.spec.weights_path == weights
    known: dict[str, Reading] = {}

    def read(radiograph: Radiograph) -> Reading:
        if radiograph.key not in known:
            known[radiograph.key] = read_with(reference, radiograph)
        return known[radiograph.key]

    return read


def assert_alike(name: str, runtime: str, radiographs: list[Radiograph], slack: float = 1) -> None:
    fast, reference = classifier(name, runtime), eager(name, get_spec(name).weights_path)
    assert fast.settings.runtime == runtime
    seen = []
    for radiograph in radiographs:
        mine, expected = read_with(fast, radiograph), reference(radiograph)
        assert mine.probability == pytest.approx(expected.probability, abs=slack * LARGEST_PROBABILITY_CHANGE)
        for method in expected.evidence:
            np.testing.assert_allclose(
                mine.heatmap(method=method), expected.heatmap(method=method), atol=slack * LARGEST_HEAT_CHANGE
            )
        seen.append(expected.probability)
    assert np.ptp(seen) > 0.1  # no constant is compared with itself


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
@pytest.mark.parametrize("name", MODELS)
def test_random_networks(name: str, runtime: str, radiographs: list[Radiograph]) -> None:
    assert_alike(name, runtime, radiographs[:4], UNTRAINED)


@pytest.mark.weights
@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
@pytest.mark.parametrize("name", MODELS)
def test_trained_networks_on_the_gallery(name: str, runtime: str) -> None:
    """Every third picture: they score from 0.04 to 0.95."""
    assert_alike(name, runtime, [load_radiograph(sample.path) for sample in gallery()[::3]])


@pytest.mark.data
@pytest.mark.weights
@pytest.mark.parametrize("name", MODELS)
def test_trained_networks_on_real_radiographs(name: str, data: Path) -> None:
    """180 radiographs of both populations, a third of them for each model. `parity --precision` measures all."""
    files = [*sorted((data / "kermany" / "images224").rglob("*.jpeg"))[::37][:120]]
    files += sorted((data / "nih_adult").rglob("*.jpg"))[::9][: 3 * PER_MODEL - len(files)]
    assert len(files) == 3 * PER_MODEL
    own = files[list(MODELS).index(name) :: 3]
    assert_alike(name, "openvino", [load_radiograph(path) for path in own])


def assert_lungs_alike(runtime: str, radiographs: list[Radiograph]) -> None:
    data = lungs.weights_path().read_bytes()
    card = lungs.read_card()
    fast = LungReader(data, card, Settings(runtime, threads=2))
    reference = LungReader(data, card, Settings("torch", threads=2))
    for radiograph in radiographs:
        mine, expected = fast.look(radiograph.pixels), reference.look(radiograph.pixels)
        assert (mine.mask != expected.mask).mean() < 1e-3
        for name in ("chest", "whole", "inverted"):
            assert getattr(mine, name) == pytest.approx(getattr(expected, name), abs=LARGEST_PROBABILITY_CHANGE)
        np.testing.assert_allclose(mine.turns, expected.turns, atol=LARGEST_PROBABILITY_CHANGE)
        assert mine.mahalanobis == pytest.approx(expected.mahalanobis, rel=1e-3)


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_made_up_lung_network(runtime: str, radiographs: list[Radiograph]) -> None:
    assert_lungs_alike(runtime, radiographs[:4])


@pytest.mark.data
@pytest.mark.weights
def test_lung_network_on_real_radiographs(data: Path) -> None:
    files = [*sorted((data / "kermany" / "images224" / "test").rglob("*.jpeg"))[::10]]
    files += sorted((data / "nih_adult").rglob("*.jpg"))[::20]
    assert len(files) > 100
    assert_lungs_alike("openvino", [load_radiograph(path) for path in files])


@pytest.mark.usefixtures("models")
def test_reduced_precision_is_off_by_default_and_close(radiographs: list[Radiograph]) -> None:
    spec = get_spec("resnet18")
    weights = spec.weights_path.read_bytes()
    reduced = Classifier(spec, read_card(spec), weights, replace(Settings("openvino"), precision="bfloat16"))
    exact = classifier("resnet18", "torch")
    differences = [abs(read_with(reduced, r).probability - read_with(exact, r).probability) for r in radiographs]
    assert max(differences) < 0.1

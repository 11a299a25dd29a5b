from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from pulmoscan.errors import DatasetError, WeightsMissing
from pulmoscan.models.card import read_card
from pulmoscan.models.loading import load_classifier
from pulmoscan.models.registry import ModelSpec, get_spec
from pulmoscan.population import POPULATIONS
from pulmoscan.training.data.datasets import load_datasets, select
from pulmoscan.training.evaluation.calibrate import calibrate
from tests.training.made_up import make_kermany, make_nih


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("data")
    return [make_kermany(folder / "kermany", train=1, validation=3), make_nih(folder / "nih", train=1, validation=3)]


@pytest.fixture
def spec(random_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelSpec:
    """ResNet-18 with weights and no card."""
    shutil.copy(random_weights / "resnet18.safetensors", tmp_path)
    monkeypatch.setenv("PULMOSCAN_WEIGHTS", str(tmp_path))
    return get_spec("resnet18")


def test_card_is_measured_on_these_weights_and_validation_alone(spec: ModelSpec, folders: list[Path]) -> None:
    card = calibrate(spec, folders, {"epochs": 7})
    assert card.weights_sha256 == hashlib.sha256(spec.weights_path.read_bytes()).hexdigest()
    assert card.training == {"epochs": 7}
    assert set(card.scores) == {("child", "validation"), ("adult", "validation")}
    for scores in card.scores.values():
        assert (len(scores.normal), len(scores.pneumonia)) == (3, 3)
        assert scores.has_files
    for population in POPULATIONS:
        points = card.points(population)
        assert list(points) == ["maximum sensitivity", "high sensitivity", "balanced"]
        assert points["maximum sensitivity"] <= points["high sensitivity"]
        interval = card.evidence[f"operating points, {population}, validation"]["high sensitivity, threshold"]
        assert interval.estimate == card.thresholds[population]
        assert interval.n == 3
    assert card.heat_reference > 0
    written = read_card(spec)
    assert written.thresholds == card.thresholds
    np.testing.assert_allclose(
        written.scores["adult", "validation"].normal, np.sort(card.scores["adult", "validation"].normal), atol=1e-6
    )
    assert sorted(written.scores["adult", "validation"].pneumonia_files) == sorted(
        e.path.name for e in select(load_datasets(folders), "validation", "adult") if e.label
    )
    assert load_classifier("resnet18").card.heat_method == card.heat_method


def test_both_populations_are_needed(spec: ModelSpec, folders: list[Path]) -> None:
    with pytest.raises(DatasetError, match="population adult"):
        calibrate(spec, folders[:1], {})
    assert not spec.card_path.exists()


def test_weights_are_needed(spec: ModelSpec, folders: list[Path]) -> None:
    spec.weights_path.unlink()
    with pytest.raises(WeightsMissing, match="resnet18"):
        calibrate(spec, folders, {})

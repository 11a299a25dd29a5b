from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pulmoscan.errors import DatasetError
from pulmoscan.training.evaluation import shortcuts
from pulmoscan.training.evaluation.shortcuts import CHANGES, describe, figures, shortcut_tests
from tests.pictures import grey8
from tests.training.made_up import make_kermany, make_nih


@pytest.fixture
def lungs() -> np.ndarray:
    mask = np.zeros((224, 224), np.uint8)
    mask[60:170, 40:90] = mask[60:170, 134:184] = 255
    return mask


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_gives_a_picture_and_is_repeatable(name: str, lungs: np.ndarray) -> None:
    image = grey8(224, 224)
    changed = CHANGES[name](image, lungs)
    assert changed.shape == (224, 224)
    assert changed.dtype == np.uint8
    np.testing.assert_array_equal(changed, CHANGES[name](image, lungs))
    assert np.array_equal(changed, image) == (name == "as they come")


def test_blanking_leaves_what_it_says(lungs: np.ndarray) -> None:
    image = grey8(224, 224)
    inside = CHANGES["outside the lungs blanked"](image, lungs)
    outside = CHANGES["lungs blanked, only the outside visible"](image, lungs)
    middle, corner = (110, 65), (5, 5)
    assert abs(int(inside[middle]) - int(image[middle])) <= 2
    assert inside[corner] == pytest.approx(110, abs=1)
    assert outside[middle] == pytest.approx(110, abs=2)
    assert abs(int(outside[corner]) - int(image[corner])) <= 1


@pytest.mark.usefixtures("models")
def test_all_changes_are_measured(tmp_path: Path) -> None:
    tests = shortcut_tests("resnet18", [make_kermany(tmp_path / "kermany", 1, 2, 1)], "validation")
    assert [test.name for test in tests.changes] == list(CHANGES)
    few = shortcut_tests("resnet18", [tmp_path / "kermany"], "validation", limit=2)
    assert all(test.auc.n == 2 for test in few.changes)
    assert all(test.auc.n == 4 and test.confusion.positives == 2 for test in tests.changes)
    assert tests.heat_on_side.n <= 2
    *of_changes, of_halves = figures(tests)
    assert of_changes == [f"{c}: {f}" for c in CHANGES for f in ("AUC", "sensitivity", "specificity")]
    assert "heat on the pneumonia's side" in of_halves
    assert describe("resnet18", "validation", tests).count("AUC") == len(CHANGES)


class BrightnessReader:
    """Stands for `read_with`: its heat is the picture itself."""

    def __init__(self, heat: np.ndarray) -> None:
        self.heat = heat

    def heatmap(self) -> np.ndarray:
        return self.heat


def test_heat_on_the_side_of_the_pneumonia(lungs: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a model whose heat is brightness: most, where the pneumonia is the brighter; little, the other way round."""
    monkeypatch.setattr(shortcuts, "read_with", lambda _, radiograph: BrightnessReader(radiograph.pixels))
    bright, dark = np.full((224, 224), 250, np.uint8), np.zeros((224, 224), np.uint8)
    bright[::10], dark[::10] = 0, 250  # or stretching would have nothing to go by
    for seed in range(6):
        rng = random.Random(seed)
        classifier: Any = None
        assert shortcuts.heat_on_side(classifier, (bright, lungs), (dark, lungs), rng) > 0.8
        assert shortcuts.heat_on_side(classifier, (dark, lungs), (bright, lungs), rng) < 0.2


@pytest.mark.usefixtures("models")
def test_masks_are_needed(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="lung_masks224"):
        shortcut_tests("resnet18", [make_nih(tmp_path / "nih")], "validation")

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pulmoscan.models.card import Card
from pulmoscan.models.loading import load_classifier
from pulmoscan.screening import Reading
from pulmoscan.training.data.datasets import Example, load_dataset, select
from pulmoscan.training.evaluation.scoring import Scored, score
from tests.training.made_up import make_kermany

CARD = Card("", {"child": 0.3, "adult": 0.4}, {"child": 0.995, "adult": 0.95}, "hirescam", 1.0, {}, {})


def scored(*cells: tuple[int, int], value: float = 1.0, **about: Any) -> Scored:
    """A reading whose evidence lies in the given cells."""
    evidence = np.zeros((7, 7), np.float32)
    for cell in cells:
        evidence[cell] = value
    methods = {"hirescam": evidence, "gradcam": np.zeros((7, 7), np.float32)}
    reading = Reading("resnet18", CARD, "key", 400, 300, None, 0.0, 0.5, methods, 1.0)  # type: ignore[arg-type]
    return Scored(Example(Path("x"), 1, "p", "child", "test", **about), reading)


@pytest.fixture
def left_half(tmp_path: Path) -> Path:
    mask = np.zeros((224, 224), np.uint8)
    mask[:, :112] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    return tmp_path / "mask.png"


def test_heat_inside_lungs(left_half: Path) -> None:
    assert scored((3, 1), lung_mask=left_half).heat_inside_lungs() == pytest.approx(1, abs=0.01)
    assert scored((3, 5), lung_mask=left_half).heat_inside_lungs() == pytest.approx(0, abs=0.01)
    assert scored((3, 1), (3, 5), lung_mask=left_half).heat_inside_lungs() == pytest.approx(0.5, abs=0.01)


def test_what_cannot_be_said(left_half: Path) -> None:
    assert math.isnan(scored((3, 1)).heat_inside_lungs())  # no mask
    assert math.isnan(scored(lung_mask=left_half).heat_inside_lungs())  # no heat
    assert math.isnan(scored((3, 1), lung_mask=left_half).heat_inside_lungs("gradcam"))
    assert math.isnan(scored((3, 1)).heat_inside_boxes())


def test_heat_inside_boxes() -> None:
    """Boxes are x, y, width, height as fractions; rows are y."""
    upper_right = ((0.5, 0.0, 0.5, 0.5),)
    assert scored((1, 5), boxes=upper_right).heat_inside_boxes() == pytest.approx(1, abs=0.02)
    assert scored((5, 1), boxes=upper_right).heat_inside_boxes() == pytest.approx(0, abs=0.02)
    assert scored((1, 5), boxes=upper_right).peak_inside_boxes()
    assert not scored((5, 1), boxes=upper_right).peak_inside_boxes()


def test_peak_is_found_above_full_strength() -> None:
    """A plateau of clipped heat would hide where the peak is."""
    one = scored((1, 5), (5, 1), value=3.0, boxes=((0.5, 0.0, 0.5, 0.5),))
    one.reading.evidence["hirescam"][1, 5] = 3.5
    assert one.peak_inside_boxes()
    one.reading.evidence["hirescam"][5, 1] = 4.0
    assert not one.peak_inside_boxes()


def test_score_reads_every_example(models: Path, tmp_path: Path) -> None:
    assert models.is_dir()
    examples = select(load_dataset(make_kermany(tmp_path, train=1)), "train")
    result = score(load_classifier("resnet18"), examples)
    assert [s.example for s in result] == examples
    for one in result:
        assert 0 < one.reading.probability < 1
        assert 0 <= one.heat_inside_lungs() <= 1

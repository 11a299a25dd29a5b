"""Looking at a picture before any model does."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pulmoscan.errors import WeightsDamaged
from pulmoscan.examination.examine import corrected, examine
from pulmoscan.examination.gate import Correction
from pulmoscan.examination.lungs import card_path
from pulmoscan.reading.radiograph import Radiograph, load_radiograph
from tests.lung_weights import dark_is_lung, install_lungs
from tests.pictures import encode, grey8


@pytest.fixture
def own_weights(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the models' folder that a test may spoil."""
    folder = shutil.copytree(models, tmp_path / "weights")
    monkeypatch.setenv("PULMOSCAN_WEIGHTS", str(folder))
    return folder


def test_examination(models: Path, radiographs: list[Radiograph]) -> None:
    assert models.is_dir()
    seen = examine(radiographs[0])
    assert seen.refusal is None
    assert seen.view.mask.any()
    assert seen.milliseconds > 0
    np.testing.assert_array_equal(examine(radiographs[0]).view.lungs, seen.view.lungs)


def test_quality_is_looked_at(models: Path) -> None:
    assert models.is_dir()
    small = load_radiograph(encode(grey8(100, 120), "PNG"))
    assert "low resolution" in {defect.kind for defect in examine(small).defects}


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ({"chest": False}, "not a chest"),
        ({"inverted": True}, "inverted"),
        ({"turns": 2}, "turned"),
        ({"chest": False, "side": True}, "side view"),
    ],
)
def test_refusal_is_that_of_the_network_in_the_weights_folder(
    own_weights: Path, radiographs: list[Radiograph], answers: dict[str, Any], kind: str
) -> None:
    assert own_weights.is_dir()
    install_lungs(dark_is_lung(**answers))
    refusal = examine(radiographs[0]).refusal
    assert refusal
    assert refusal.kind == kind


def test_picture_in_colour_is_refused(models: Path) -> None:
    assert models.is_dir()
    grey = grey8(300, 300)
    red = encode(np.dstack([grey, grey // 4, grey // 4]), "PNG")
    refusal = examine(load_radiograph(red)).refusal
    assert refusal
    assert refusal.kind == "in colour"
    same = encode(Image.fromarray(grey).convert("RGB"), "PNG")
    assert examine(load_radiograph(same)).refusal is None


def test_card_without_the_gates_limits(own_weights: Path, radiographs: list[Radiograph]) -> None:
    assert own_weights.is_dir()
    content = json.loads(card_path().read_text())
    del content["limits"]["whole"]
    card_path().write_text(json.dumps(content))
    with pytest.raises(WeightsDamaged, match="limits whole"):
        examine(radiographs[0])


@pytest.mark.parametrize("correction", [Correction(1), Correction(2), Correction(3, True), Correction(0, True)])
def test_corrected(radiographs: list[Radiograph], correction: Correction) -> None:
    before = radiographs[1]
    after = corrected(before, correction)
    np.testing.assert_array_equal(after.pixels, correction.apply(before.pixels))
    assert not after.pixels.flags.writeable
    assert after.key != before.key
    assert after.source.correction == correction.done
    assert after.source.sha256 == before.source.sha256, "the file is still the same"

"""Outlines and what is read from them; loading the lung network."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from pulmoscan.errors import LungWeightsMissing, WeightsDamaged
from pulmoscan.examination.lungs import OUTLINE_COLOUR, card_path, draw_outline, load_reader, read_card, weights_path
from tests.chest_views import chest_view, two_lungs
from tests.pictures import chest


@pytest.fixture
def own_weights(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the models' folder that a test may spoil."""
    folder = shutil.copytree(models, tmp_path / "weights")
    monkeypatch.setenv("PULMOSCAN_WEIGHTS", str(folder))
    return folder


def test_mask_has_no_specks() -> None:
    lungs = two_lungs()
    lungs[5:8, 5:8] = 1.0
    mask = chest_view(lungs=lungs).mask
    np.testing.assert_array_equal(mask, two_lungs() > 0)


def test_mask_at_the_radiographs_own_size() -> None:
    view = chest_view()
    mask = view.mask_at(500, 300)
    assert mask.shape == (500, 300)
    assert mask.mean() == pytest.approx(view.mask.mean(), rel=0.02)


def test_share_of_the_heat_inside() -> None:
    view = chest_view()
    assert view.share_inside(np.ones((224, 224), np.float32)) == pytest.approx(view.mask.mean(), rel=1e-5)
    assert view.share_inside(view.mask.astype(np.float32)) == pytest.approx(1)
    assert view.share_inside((~view.mask).astype(np.float32)) == 0
    assert view.share_inside(np.zeros((224, 224), np.float32)) is None
    assert chest_view(lungs=np.zeros((224, 224), np.float32)).share_inside(np.ones((9, 9), np.float32)) is None


@pytest.mark.parametrize("shape", [(224, 224), (224, 224, 3)])
def test_outline_is_drawn_along_the_edge_alone(shape: tuple[int, ...]) -> None:
    picture = np.full(shape, 90, np.uint8)
    mask = chest_view().mask
    drawn = draw_outline(picture, mask)
    assert drawn.shape == (224, 224, 3)
    assert (picture == 90).all(), "the picture itself stays as it is"
    changed = (drawn != 90).any(axis=2)
    assert np.abs(drawn[changed].astype(int) - OUTLINE_COLOUR).sum(axis=1).min() < 60, "in the outline's colour"
    assert changed[112, 36:41].any()
    assert not changed[112, 70], "the middle of a lung stays as it is"
    assert not changed[5, 5]


def test_reader_finds_the_dark_lungs_of_a_made_up_chest(models: Path) -> None:
    assert models.is_dir()
    view = load_reader().look(chest(300, 400).astype(np.float32))
    assert view.chest > 0.99
    assert view.turns.argmax() == 0
    assert view.mask[100, 67]
    assert view.mask[100, 157]
    assert not view.mask[5, 112]


def test_loaded_once_until_the_files_change(own_weights: Path) -> None:
    assert own_weights.is_dir()
    first = load_reader()
    assert load_reader() is first
    card_path().write_text(card_path().read_text() + " ")
    assert load_reader() is not first


@pytest.mark.parametrize("suffix", ["safetensors", "json"])
def test_missing_file_says_that_nothing_is_screened(own_weights: Path, suffix: str) -> None:
    (own_weights / f"lungs.{suffix}").unlink()
    with pytest.raises(LungWeightsMissing, match=rf"lungs\.{suffix} is missing.*none is screened.*git checkout"):
        load_reader()


def test_damaged_weights(own_weights: Path) -> None:
    assert own_weights.is_dir()
    weights_path().write_bytes(weights_path().read_bytes()[:-1] + b"?")
    with pytest.raises(WeightsDamaged, match="checksum"):
        load_reader()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"weights_sha256": "x", "limits": 3}'])
def test_card_that_is_none(own_weights: Path, content: str) -> None:
    assert own_weights.is_dir()
    card_path().write_text(content)
    with pytest.raises(WeightsDamaged, match="not the lung network's card"):
        read_card()

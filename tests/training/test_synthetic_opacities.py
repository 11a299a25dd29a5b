from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pulmoscan.training.synthetic_opacities import SEEN, add_opacity, opaque, random_opacity
from tests.pictures import chest


@pytest.fixture
def lungs() -> NDArray[np.uint8]:
    y, x = np.mgrid[:224, :224]
    ellipses = [((x - middle) / 34) ** 2 + ((y - 100) / 65) ** 2 < 1 for middle in (67, 157)]
    return np.where(ellipses[0] | ellipses[1], 255, 0).astype(np.uint8)


def test_the_opacity_lies_in_the_lungs(lungs: NDArray[np.uint8]) -> None:
    shares = []
    for seed in range(60):
        opacity = random_opacity(lungs, np.random.default_rng(seed))
        assert opacity is not None
        assert opacity.shape == lungs.shape
        assert opacity.dtype == np.float32
        assert opacity.min() >= 0
        assert SEEN < opacity.max() <= 1
        covered = opaque(opacity) > 0
        assert covered[lungs > 0].sum() > 0.9 * covered.sum()
        shares.append(covered.sum() / (lungs > 0).sum())
    assert np.mean(shares) < 0.6  # most of it stays normal
    assert max(shares) > 3 * min(shares)


def test_one_lung_more_often_than_both(lungs: NDArray[np.uint8]) -> None:
    both = 0
    for seed in range(60):
        opacity = random_opacity(lungs, np.random.default_rng(seed))
        assert opacity is not None
        covered = opaque(opacity)
        both += bool(covered[:, :112].any() and covered[:, 112:].any())
    assert 3 < both < 30


def test_it_brightens_where_it_is_and_changes_nothing_else(lungs: NDArray[np.uint8]) -> None:
    image = (255 * chest(224, 224, seed=1)).astype(np.uint8)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        opacity = random_opacity(lungs, rng)
        assert opacity is not None
        changed = add_opacity(image, opacity, lungs, rng).astype(int) - image
        assert changed.min() >= 0
        assert (changed[opacity == 0] == 0).all()
        assert changed[opacity > SEEN].mean() > 4


def test_without_lungs_there_is_none(lungs: NDArray[np.uint8]) -> None:
    for mask in (np.zeros_like(lungs), np.where(np.arange(224)[:, None] < 40, lungs, 0).astype(np.uint8)):
        assert random_opacity(mask, np.random.default_rng(0)) is None


def test_repeats_with_its_generator(lungs: NDArray[np.uint8]) -> None:
    def draw(seed: int) -> bytes:
        opacity = random_opacity(lungs, np.random.default_rng(seed))
        assert opacity is not None
        return opacity.tobytes()

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)

from __future__ import annotations

import random

import numpy as np

from pulmoscan.training.half_lungs import half_and_half, on_side, random_side


def test_each_side_shows_one_of_the_two() -> None:
    pneumonia, normal = np.full((4, 224), 0.9, np.float32), np.full((4, 224), 0.1, np.float32)
    lefts = 0
    for seed in range(40):
        side = random_side(224, random.Random(seed))
        picture = half_and_half(pneumonia, normal, side)
        ill, well = (slice(0, 60), slice(-60, None)) if side[0] > 0.5 else (slice(-60, None), slice(0, 60))
        np.testing.assert_allclose(picture[:, ill], 0.9, atol=1e-3)
        np.testing.assert_allclose(picture[:, well], 0.1, atol=1e-3)
        assert 0.40 < side.mean() < 0.60
        lefts += side[0] > 0.5
    assert 8 < lefts < 32


def test_lungs_count_on_the_pneumonia_side_alone() -> None:
    lungs = np.ones((7, 7), np.float32)
    side = random_side(224, random.Random(1))
    kept = on_side(lungs, side)
    assert kept.shape == (7, 7)
    np.testing.assert_allclose(kept.mean(), side.mean(), atol=1e-5)
    ill = [0, 1, 2] if side[0] > 0.5 else [4, 5, 6]
    well = [4, 5, 6] if side[0] > 0.5 else [0, 1, 2]
    assert kept[:, ill].min() > 0.85
    assert kept[:, well].max() < 0.15

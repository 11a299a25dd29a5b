from __future__ import annotations

import random

import numpy as np

from pulmoscan.training.evaluation.half_lungs import half_and_half, random_side


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

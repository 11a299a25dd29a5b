from __future__ import annotations

import random

import numpy as np
import pytest

from pulmoscan.training.data.not_chest import GENERATORS
from tests.pictures import grey8

PICTURES = [grey8(seed=seed) for seed in range(3)]


@pytest.mark.parametrize("kind", GENERATORS)
def test_drawn_pictures_are_grey_and_differ_from_draw_to_draw(kind: str) -> None:
    rng = random.Random(0)
    drawn = [GENERATORS[kind](rng, PICTURES) for _ in range(12)]
    for picture in drawn:
        assert picture.dtype == np.uint8
        assert picture.ndim == 2
        assert min(picture.shape) >= 90
    assert len({picture.tobytes() for picture in drawn}) == 12


@pytest.mark.parametrize("kind", GENERATORS)
def test_a_seed_draws_the_same_again(kind: str) -> None:
    first, second = (GENERATORS[kind](random.Random(7), PICTURES) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_collages_show_the_pictures() -> None:
    white = [np.full((50, 50), 255, np.uint8)]
    assert all((GENERATORS["collage"](random.Random(seed), white) == 255).mean() > 0.5 for seed in range(5))

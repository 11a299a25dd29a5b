"""In which zone of which lung something lies."""

from __future__ import annotations

import numpy as np
import pytest

from pulmoscan.examination.zones import in_words, zones

LUNGS = np.zeros((90, 100), bool)
LUNGS[:, 10:40] = LUNGS[:, 60:90] = True


@pytest.mark.parametrize(
    ("rows", "columns", "words"),
    [
        (slice(70, 80), slice(20, 30), "right lower zone"),
        (slice(5, 10), slice(70, 80), "left upper zone"),
        (slice(40, 50), slice(15, 85), "right mid zone and left mid zone and outside the outlines"),
        (slice(0, 90), slice(92, 99), "outside the outlines"),
    ],
)
def test_zones(rows: slice, columns: slice, words: str) -> None:
    heat = np.zeros(LUNGS.shape, np.float32)
    heat[rows, columns] = 1.0
    shares = zones(heat, LUNGS)
    assert set(in_words(shares).split(" and ")) == set(words.split(" and "))
    assert sum(shares.values()) == pytest.approx(1.0)


def test_nothing_without_heat_or_lungs() -> None:
    assert zones(np.zeros(LUNGS.shape, np.float32), LUNGS) == {}
    assert zones(np.ones(LUNGS.shape, np.float32), np.zeros_like(LUNGS)) == {}

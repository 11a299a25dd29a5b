"""Bands hold the true curve about as often as they say, and agree with the figures elsewhere."""

import time

import numpy as np
import pytest
from scipy.stats import norm

from pulmoscan.statistics import lab
from pulmoscan.statistics.bands import bands
from pulmoscan.statistics.metrics import Scores


def _drawn(n: int, seed: int) -> Scores:
    rng = np.random.default_rng(seed)
    return Scores(norm.cdf(rng.normal(0, 1, n)), norm.cdf(rng.normal(1.5, 1, n)))


def test_curves_are_those_of_the_lab() -> None:
    scores = _drawn(300, 1)
    found = bands(scores, 0.2)
    assert found.benefit.y[30] == pytest.approx(lab.net_benefit(lab.rates(scores), 0.2)[300])
    roc = lab.roc(scores)
    for share, sensitivity in zip(found.roc.x, found.roc.y, strict=True):
        assert sensitivity == pytest.approx(roc.y[roc.x <= share + 1e-9].max())
    assert found.recall.y[-1] == pytest.approx(0.2 / (0.2 + 0.8 * (scores.normal >= scores.pneumonia.min()).mean()))


def test_band_holds_the_truth() -> None:
    point = 10  # specificity 0.9
    truth = norm.sf(norm.isf(0.1) - 1.5)
    held = 0
    for seed in range(20):
        band = bands(_drawn(150, seed), 0.5).roc
        held += band.low[point] <= truth <= band.high[point]
    assert held >= 16  # 19 of 20 are expected


def test_many_cases_take_seconds_and_have_narrow_bands() -> None:
    began = time.process_time()
    few, many = bands(_drawn(1000, 2), 0.1).roc, bands(_drawn(25_000, 2), 0.1).roc
    assert time.process_time() - began < 15
    ratio = (many.high - many.low)[5:50].mean() / (few.high - few.low)[5:50].mean()
    assert ratio == pytest.approx(1 / 5, rel=0.35)

"""Recalibration finds what was bent, leaves alone what is straight, and never judges itself on its own cases."""

import numpy as np
import pytest
from scipy.special import expit

from pulmoscan.statistics.metrics import Scores
from pulmoscan.statistics.recalibration import at_prevalence, recalibrate


def _calibrated(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits that mean what they say where every other patient is ill, and who is."""
    rng = np.random.default_rng(seed)
    ill = rng.random(n) < 0.5
    return rng.normal(np.where(ill, 2, -2), 2), ill  # log-likelihood ratio of these is the value itself


def test_temperature_is_found() -> None:
    logits, ill = _calibrated(800)
    found = recalibrate(Scores.of(ill, expit(logits * 3)))
    assert found.kind == "temperature"
    assert found.temperature == pytest.approx(3, rel=0.2)
    assert found.error_after < found.error_before
    assert found.brier_after < found.brier_before


def test_what_is_straight_stays() -> None:
    logits, ill = _calibrated(300, 4)
    found = recalibrate(Scores.of(ill, expit(logits)))
    p = np.linspace(0.01, 0.99, 9)
    assert np.abs(found.apply(p) - p).max() < 0.06


def test_isotonic_where_the_bend_is_no_temperature_and_there_are_enough() -> None:
    logits, ill = _calibrated(6000, 1)
    bent = np.where(logits > 0, expit(logits * 0.2), expit(logits * 3))
    found = recalibrate(Scores.of(ill, bent))
    assert found.kind == "isotonic"
    assert found.error_after < 0.5 * found.error_before
    grid = found.apply(np.linspace(0, 1, 101))
    assert np.all(np.diff(grid) >= 0)
    assert 0 < grid[0] < grid[-1] < 1
    assert recalibrate(Scores.of(ill[:600], bent[:600])).kind != "isotonic"


def test_few_cases_change_nothing() -> None:
    logits, ill = _calibrated(30)
    found = recalibrate(Scores.of(ill, expit(logits * 3)))
    assert found.kind == "none"
    assert found.apply([0.3]) == pytest.approx([0.3])


def test_at_prevalence_is_bayes_rule() -> None:
    assert at_prevalence([0.8], 0.5) == pytest.approx([0.8])
    assert at_prevalence([0.8], 0.1) == pytest.approx([0.08 / (0.08 + 0.2 * 0.9)])

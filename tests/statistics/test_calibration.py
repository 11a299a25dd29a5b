from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import log_loss

from pulmoscan.statistics.calibration import (
    brier,
    expected_calibration_error,
    fit_temperature,
    reliability,
    temperature_scaled,
)
from pulmoscan.statistics.metrics import Scores


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_temperature_is_found_again(temperature: float) -> None:
    rng = np.random.default_rng(0)
    true_logits = rng.normal(0, 2, 20_000)
    labels = rng.random(20_000) < temperature_scaled(true_logits, 1)
    found = fit_temperature(true_logits * temperature, labels, np.ones(20_000))
    assert found == pytest.approx(temperature, rel=0.05)


def test_temperature_minimises_the_weighted_log_loss() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(1, 3, 500)
    labels = rng.random(500) < temperature_scaled(logits, 2)
    weights = rng.random(500)
    best = fit_temperature(logits, labels, weights)

    def loss(temperature: float) -> float:
        return float(log_loss(labels, temperature_scaled(logits, temperature), sample_weight=weights))

    assert loss(best) <= min(loss(best * 0.97), loss(best * 1.03)) + 1e-9


def test_brier_gives_both_classes_equal_say() -> None:
    scores = Scores(normal=np.array([0.2, 0.4, 0.6, 0.0]), pneumonia=np.array([0.9]))
    assert brier(scores) == pytest.approx((0.56 / 4 + 0.01) / 2)


def test_reliability_of_a_small_case_by_hand() -> None:
    scores = Scores(normal=np.array([0.05, 0.95]), pneumonia=np.array([0.95]))
    first, last = reliability(scores)
    assert (first.n, first.mean_probability, first.observed, first.weight) == (1, 0.05, 0.0, 0.25)
    assert (last.n, last.weight) == (2, 0.75)
    assert last.observed == pytest.approx(0.5 / 0.75)
    assert expected_calibration_error(scores) == pytest.approx(0.25 * 0.05 + 0.75 * (0.95 - 2 / 3))


def test_calibrated_probabilities_have_a_small_error() -> None:
    rng = np.random.default_rng(3)
    p = rng.random(40_000)
    ill = rng.random(40_000) < p
    assert expected_calibration_error(Scores(p[~ill], p[ill])) < 0.01
    assert expected_calibration_error(Scores(p[~ill] ** 3, p[ill] ** 3)) > 0.05


def test_certainties_fall_into_the_outer_bins() -> None:
    curve = reliability(Scores(np.array([0.0]), np.array([1.0])))
    assert [(b.low, b.high) for b in curve] == [(0.0, 0.1), (pytest.approx(0.9), 1.0)]
    assert expected_calibration_error(Scores(np.array([0.0]), np.array([1.0]))) == 0

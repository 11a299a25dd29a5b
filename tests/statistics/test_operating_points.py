from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from scipy.special import expit

from pulmoscan.statistics import operating_points
from pulmoscan.statistics.metrics import Scores
from pulmoscan.statistics.operating_points import balanced, threshold_for_sensitivity
from tests.statistics.test_metrics import made_up

# Counting


@pytest.mark.parametrize("sensitivity", [0.9, 0.95, 0.995, 1.0])
@pytest.mark.parametrize("seed", range(12))
def test_threshold_is_the_highest_step_that_reaches_the_target(seed: int, sensitivity: float) -> None:
    scores = made_up(seed, pneumonia=37 + 50 * seed, decimals=3 if seed % 2 else None)
    threshold = threshold_for_sensitivity(scores, sensitivity)
    assert threshold == round(threshold, 3)

    def found(at: float) -> float:
        return scores.at(at).sensitivity.estimate

    assert found(threshold) >= sensitivity
    assert found(round(threshold + 0.001, 3)) < sensitivity


def test_threshold_by_hand() -> None:
    scores = Scores(np.array([]), np.arange(1, 101) / 100)  # 0.01, 0.02, … 1
    assert threshold_for_sensitivity(scores, 0.95) == 0.06
    assert threshold_for_sensitivity(scores, 1.0) == 0.01


def test_threshold_never_calls_everything_pneumonia() -> None:
    """Zero would; the first step is the floor."""
    assert threshold_for_sensitivity(Scores(np.array([]), np.array([0.0001, 0.9])), 1.0) == 0.001


def test_balanced_threshold_by_hand() -> None:
    scores = Scores(normal=np.array([0.1, 0.2, 0.3, 0.6]), pneumonia=np.array([0.25, 0.5, 0.7, 0.8]))
    threshold = balanced(scores)
    assert threshold == 0.301  # three of four on both sides; 0.3 would call the third normal ill
    at = scores.at(threshold)
    assert at.sensitivity.estimate == at.specificity.estimate == 0.75


# Smoothing

SHAPES: Mapping[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "normal": lambda rng, n: rng.normal(1.5, 1.2, n),
    "logistic": lambda rng, n: rng.logistic(1.5, 0.7, n),
    "long tail to the left": lambda rng, n: 3 - rng.exponential(1.2, n),
}


def few(seed: int, shape: str = "normal", n: int = 26) -> Scores:
    """Few pneumonias and many normals."""
    rng = np.random.default_rng(seed)
    return Scores(expit(rng.normal(-3, 1.2, 400)), expit(SHAPES[shape](rng, n)))


def test_few_pneumonias_are_smoothed_and_many_counted() -> None:
    many = made_up(0, pneumonia=400)
    assert operating_points.for_sensitivity(many, 0.95) == threshold_for_sensitivity(many, 0.95)
    assert operating_points.for_sensitivity(few(0), 0.95) != threshold_for_sensitivity(few(0), 0.95)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_next_pneumonia_is_found_as_often_as_was_asked(shape: str) -> None:
    """On the average over samples of 26."""
    rng = np.random.default_rng(1)
    found = [
        float((expit(SHAPES[shape](rng, 500)) >= operating_points.for_sensitivity(few(seed, shape), 0.95)).mean())
        for seed in range(300)
    ]
    assert np.mean(found) == pytest.approx(0.95, abs=0.01)


def test_more_sensitivity_is_a_lower_threshold() -> None:
    for seed in range(5):
        scores = few(seed)
        maximum, high = (operating_points.for_sensitivity(scores, s) for s in (0.99, 0.95))
        assert scores.pneumonia.min() - 0.001 <= maximum <= high
        assert round(high, 3) == high


def test_one_pneumonia_alone_gives_its_own_score() -> None:
    assert operating_points.for_sensitivity(Scores(np.array([0.1]), np.array([0.4567])), 0.95) == 0.456


def test_bootstrap_interval_holds_the_point() -> None:
    scores = few(2)
    point = operating_points.bootstrap(scores, lambda s: operating_points.for_sensitivity(s, 0.95))
    assert point.low < point.estimate < point.high
    assert point.n == 26
    assert point == operating_points.bootstrap(scores, lambda s: operating_points.for_sensitivity(s, 0.95))

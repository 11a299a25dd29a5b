"""Thresholds from the scores of a validation split: by counting where there are many pneumonias, smoothed where few.

All lie on whole steps of `THRESHOLD_STEP`, rounded down: towards sensitivity.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit, logit

from pulmoscan.statistics.metrics import THRESHOLD_STEP, Estimate, Scores

FEWEST_TO_COUNT = 100
"""With fewer pneumonias than this, the one that an order statistic rests on is chance; several are weighed instead."""

CAUTION = 0.8
"""Share of the misses that are allowed which the smoothed quantile aims at. With 26 pneumonias the next one then scores
above the threshold with the wanted 95 %, on the average over samples from distributions of several shapes."""

STEPS = np.round(np.arange(THRESHOLD_STEP, 1, THRESHOLD_STEP), 10)
RESAMPLINGS = 2000
EDGE = 1e-6
"""Probabilities are kept this far from 0 and 1, where the logit ends."""


def for_sensitivity(scores: Scores, sensitivity: float) -> float:
    """The highest threshold that finds `sensitivity` of pneumonias: of these, or where they are few, of such as these.

    Few: the Harrell-Davis quantile of their logits (Harrell and Davis 1982, doi 10.1093/biomet/69.3.635), which weighs
    all order statistics near the wanted one. Below the lowest it cannot reach: 26 pneumonias cannot show 99 %.
    """
    if len(scores.pneumonia) >= FEWEST_TO_COUNT:
        return threshold_for_sensitivity(scores, sensitivity)
    if len(scores.pneumonia) < 2:
        return _on_step(float(scores.pneumonia.min()))
    [quantile] = stats.mstats.hdquantiles(_logits(scores.pneumonia), prob=[CAUTION * (1 - sensitivity)])
    return _on_step(float(expit(quantile)))


def bootstrap(scores: Scores, point: Callable[[Scores], float], seed: int = 0) -> Estimate:
    """The operating point with its 95 % percentile interval over resampled radiographs of either class."""
    rng = np.random.default_rng(seed)
    found = [
        point(
            Scores(rng.choice(scores.normal, len(scores.normal)), rng.choice(scores.pneumonia, len(scores.pneumonia)))
        )
        for _ in range(RESAMPLINGS)
    ]
    low, high = np.percentile(found, [2.5, 97.5])
    return Estimate(point(scores), float(low), float(high), len(scores.pneumonia))


def balanced(scores: Scores) -> float:
    """The threshold, in whole steps, at which the smaller of sensitivity and specificity is greatest; the lowest of
    several."""
    sensitivity = 1 - np.searchsorted(np.sort(scores.pneumonia), STEPS) / len(scores.pneumonia)
    specificity = np.searchsorted(np.sort(scores.normal), STEPS) / len(scores.normal)
    return float(STEPS[int(np.argmax(np.round(np.minimum(sensitivity, specificity), 12)))])


def threshold_for_sensitivity(scores: Scores, sensitivity: float) -> float:
    """The highest threshold, in whole steps, at which at least `sensitivity` of the pneumonias are found."""
    allowed = math.floor((1 - sensitivity) * len(scores.pneumonia) + 1e-9)
    return _on_step(float(np.sort(scores.pneumonia)[allowed]))


def _logits(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(logit(np.clip(probabilities, EDGE, 1 - EDGE)), dtype=np.float64)


def _on_step(threshold: float) -> float:
    return round(max(THRESHOLD_STEP, math.floor(threshold / THRESHOLD_STEP + 1e-9) * THRESHOLD_STEP), 10)

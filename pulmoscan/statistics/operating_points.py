"""Thresholds from the scores of a validation split: by counting where there are many pneumonias, by a fit where few.

All lie on whole steps of `THRESHOLD_STEP`, rounded down: towards sensitivity.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit, logit

from pulmoscan.statistics.metrics import THRESHOLD_STEP, Figure, Scores

FEWEST_TO_COUNT = 100
"""With fewer pneumonias than this, the one that an order statistic rests on is chance; a fit is used instead."""

STEPS = np.round(np.arange(THRESHOLD_STEP, 1, THRESHOLD_STEP), 10)
RESAMPLINGS = 2000
EDGE = 1e-6
"""Probabilities are kept this far from 0 and 1, where the logit ends."""


def for_sensitivity(scores: Scores, sensitivity: float) -> float:
    """The highest threshold that finds `sensitivity` of pneumonias: of these, or where they are few, of such as these.

    Few: the threshold above which the next pneumonia scores with that probability, if logits are normally distributed;
    Student's bound for one further observation, which is the wider the fewer were seen.
    """
    if len(scores.pneumonia) >= FEWEST_TO_COUNT:
        return threshold_for_sensitivity(scores, sensitivity)
    return _on_step(_prediction_bound(scores.pneumonia, sensitivity))


def balanced(scores: Scores) -> float:
    """The threshold at which the smaller of sensitivity and specificity is greatest; the lowest of several.

    Where pneumonias are few, the sensitivity is that of the normal distribution fitted to their logits.
    """
    if len(scores.pneumonia) >= FEWEST_TO_COUNT:
        return balanced_threshold(scores)
    logits = _logits(scores.pneumonia)
    fitted = stats.norm(logits.mean(), max(logits.std(ddof=1), EDGE))
    return _best_step(scores, fitted.sf(logit(STEPS)))


def bootstrap(scores: Scores, point: Callable[[Scores], float], seed: int = 0) -> Figure:
    """The operating point with its 95 % percentile interval over resampled radiographs of either class."""
    rng = np.random.default_rng(seed)
    found = [
        point(
            Scores(rng.choice(scores.normal, len(scores.normal)), rng.choice(scores.pneumonia, len(scores.pneumonia)))
        )
        for _ in range(RESAMPLINGS)
    ]
    low, high = np.percentile(found, [2.5, 97.5])
    return Figure(point(scores), float(low), float(high), len(scores.pneumonia))


def balanced_threshold(scores: Scores) -> float:
    """The threshold, in whole steps, at which the smaller of sensitivity and specificity is greatest; the lowest of
    several."""
    return _best_step(scores, 1 - np.searchsorted(np.sort(scores.pneumonia), STEPS) / len(scores.pneumonia))


def threshold_for_sensitivity(scores: Scores, sensitivity: float) -> float:
    """The highest threshold, in whole steps, at which at least `sensitivity` of the pneumonias are found."""
    allowed = math.floor((1 - sensitivity) * len(scores.pneumonia) + 1e-9)
    return _on_step(float(np.sort(scores.pneumonia)[allowed]))


def _prediction_bound(probabilities: NDArray[np.float64], share: float) -> float:
    """The probability above which one further observation lies with the chance `share`."""
    logits = _logits(probabilities)
    n = len(logits)
    if n < 2:
        return float(probabilities.min())
    reach = float(stats.t.ppf(share, n - 1)) * logits.std(ddof=1) * math.sqrt(1 + 1 / n)
    return float(expit(logits.mean() - reach))


def _logits(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(logit(np.clip(probabilities, EDGE, 1 - EDGE)), dtype=np.float64)


def _on_step(threshold: float) -> float:
    return round(max(THRESHOLD_STEP, math.floor(threshold / THRESHOLD_STEP + 1e-9) * THRESHOLD_STEP), 10)


def _best_step(scores: Scores, sensitivity: NDArray[np.float64]) -> float:
    specificity = np.searchsorted(np.sort(scores.normal), STEPS) / len(scores.normal)
    return float(STEPS[int(np.argmax(np.round(np.minimum(sensitivity, specificity), 12)))])

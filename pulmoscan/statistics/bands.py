"""Curves with 95 % bands: ROC, precision-recall and decision curve, by resampling the cases of either class.

The bands are pointwise: each holds for its point of the curve, not for the whole curve at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulmoscan.statistics.metrics import Scores

Array = NDArray[np.float64]
RESAMPLINGS = 500
POINTS = 101
"""Of a curve, evenly over its abscissa."""
MOST_DRAWN = 5_000
"""Cases of a class that a resampling draws. Of more the bands are those of so many, narrowed by the root of n, since
50,000 cases would take a minute and have bands below a line's width."""


@dataclass(frozen=True, eq=False)
class Band:
    """A curve with its band, [N] each."""

    x: Array
    y: Array
    low: Array
    high: Array


@dataclass(frozen=True, eq=False)
class Bands:
    """The three curves of a set.

    Attributes:
        roc: x 1 − specificity, y sensitivity.
        recall: x sensitivity, y positive predictive value at the prevalence.
        benefit: x threshold probability, y net benefit at the prevalence.
    """

    roc: Band
    recall: Band
    benefit: Band


def bands(scores: Scores, prevalence: float, seed: int = 0) -> Bands:
    """All three; both classes hold at least one case.

    Args:
        prevalence: above 0 and below 1.
    """
    rng = np.random.default_rng(seed)
    share = np.linspace(0, 1, POINTS)
    thresholds = np.linspace(0, 0.99, POINTS - 1)
    ill, well = np.sort(scores.pneumonia), np.sort(scores.normal)
    drawn = [
        _curves(np.sort(_draw(rng, ill)), np.sort(_draw(rng, well)), share, thresholds, prevalence)
        for _ in range(RESAMPLINGS)
    ]
    # Where a class is larger than what is drawn of it, the spread shrinks as its root would have it.
    shrink = np.sqrt(min(1.0, MOST_DRAWN / max(len(ill), len(well))))
    made = []
    for number, x in enumerate((share, share, thresholds)):
        y = _curves(ill, well, share, thresholds, prevalence)[number]
        low, high = np.nanpercentile(np.array([curves[number] for curves in drawn]), [2.5, 97.5], axis=0)
        made.append(Band(x, y, y - shrink * np.maximum(0, y - low), y + shrink * np.maximum(0, high - y)))
    return Bands(*made)


def _draw(rng: np.random.Generator, values: Array) -> Array:
    return rng.choice(values, min(len(values), MOST_DRAWN))


def _curves(ill: Array, well: Array, share: Array, thresholds: Array, prevalence: float) -> tuple[Array, Array, Array]:
    """Ordinates of ROC, precision-recall and decision curve of sorted scores."""
    alarms = np.floor(share * len(well) + 1e-9).astype(int)  # that many normals may lie at or above the threshold
    above = np.where(alarms < len(well), well[np.maximum(len(well) - 1 - alarms, 0)], -np.inf)
    roc = 1 - np.searchsorted(ill, above, "right") / len(ill)
    found = np.maximum(np.ceil(share * len(ill) - 1e-9).astype(int), 1)
    at = ill[len(ill) - found]
    sensitivity, alarm = 1 - np.searchsorted(ill, at) / len(ill), 1 - np.searchsorted(well, at) / len(well)
    right = sensitivity * prevalence
    precision = right / (right + alarm * (1 - prevalence))
    caught, called = 1 - np.searchsorted(ill, thresholds) / len(ill), 1 - np.searchsorted(well, thresholds) / len(well)
    benefit = caught * prevalence - called * (1 - prevalence) * thresholds / (1 - thresholds)
    return roc, precision, benefit

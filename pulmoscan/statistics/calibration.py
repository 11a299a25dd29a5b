"""Do probabilities mean what they say? Temperature scaling, reliability curve, calibration error and Brier score.

A screening set's prevalence is not a hospital's, so both classes have equal say throughout: a calibrated probability of
0.7 is right seven times in ten where every other patient has pneumonia.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit

from pulmoscan.statistics.metrics import Scores

BINS = 10
TEMPERATURES = (0.1, 10.0)


@dataclass(frozen=True)
class ReliabilityBin:
    """Radiographs whose probability fell into one tenth of [0, 1].

    Attributes:
        mean_probability, observed: weighted mean of the probabilities, and weighted share of pneumonias, in [0, 1].
        weight: share of all radiographs, by weight, in [0, 1].
        n: how many radiographs.
    """

    low: float
    high: float
    mean_probability: float
    observed: float
    weight: float
    n: int


def fit_temperature(logits: NDArray[np.float64], labels: NDArray[np.bool_], weights: NDArray[np.float64]) -> float:
    """The temperature that minimises the weighted cross-entropy of logits [N] (Guo et al. 2017, arXiv:1706.04599)."""

    def loss(log_temperature: float) -> float:
        z = logits / np.exp(log_temperature)
        return float((weights * np.logaddexp(0, np.where(labels, -z, z))).sum())

    found = minimize_scalar(loss, bounds=tuple(np.log(TEMPERATURES)), method="bounded")
    return float(np.exp(found.x))


def temperature_scaled(logits: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Probabilities of logits [N]."""
    return np.asarray(expit(logits / temperature), dtype=np.float64)


def reliability(scores: Scores, bins: int = BINS) -> Sequence[ReliabilityBin]:
    """The reliability curve, without empty bins."""
    p, labels, weights = _weighted(scores)
    edges = np.linspace(0, 1, bins + 1)
    places = np.clip(np.digitize(p, edges[1:-1]), 0, bins - 1)
    curve = []
    for i in range(bins):
        inside = places == i
        if not inside.any():
            continue
        w = weights[inside]
        curve.append(
            ReliabilityBin(
                low=float(edges[i]),
                high=float(edges[i + 1]),
                mean_probability=float(np.average(p[inside], weights=w)),
                observed=float(np.average(labels[inside], weights=w)),
                weight=float(w.sum()),
                n=int(inside.sum()),
            )
        )
    return curve


def expected_calibration_error(scores: Scores, bins: int = BINS) -> float:
    """Mean distance of observed share and mean probability over the bins, by weight, in [0, 1]."""
    return sum(b.weight * abs(b.observed - b.mean_probability) for b in reliability(scores, bins))


def brier(scores: Scores) -> float:
    """Weighted mean squared error of the probabilities (Brier 1950), in [0, 1]."""
    from sklearn.metrics import brier_score_loss  # slow to import, and only measuring needs it

    p, labels, weights = _weighted(scores)
    return float(brier_score_loss(labels, p, sample_weight=weights))


def _weighted(scores: Scores) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Probabilities, labels and weights [N]; each class weighs one half."""
    classes = (scores.normal, scores.pneumonia)
    p = np.concatenate(classes)
    labels = np.repeat([0.0, 1.0], [len(c) for c in classes])
    weights = np.concatenate([np.full(len(c), 0.5 / max(1, len(c))) for c in classes])
    return p, labels, weights

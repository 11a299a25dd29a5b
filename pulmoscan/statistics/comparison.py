"""Two models, or two versions of one, on the same radiographs: DeLong's paired test and McNemar's exact test."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from pulmoscan.statistics.metrics import Estimate, Z, share_below


@dataclass(frozen=True)
class AucComparison:
    """AUC of the second less that of the first, with its 95 % interval.

    Attributes:
        z: the difference in standard errors; 0 where the two rank all cases alike.
        p: two-sided.
    """

    difference: Estimate
    z: float
    p: float


@dataclass(frozen=True)
class McNemar:
    """Cases on which the two decide differently.

    Attributes:
        first, second: how many only the first, and only the second, decided rightly.
        p: two-sided, exact.
    """

    first: int
    second: int
    p: float


def compare_auc(labels: ArrayLike, first: ArrayLike, second: ArrayLike) -> AucComparison:
    """DeLong's test for correlated ROC curves (DeLong et al. 1988, doi 10.2307/2531595).

    Args:
        labels: [N], true for pneumonia.
        first, second: scores of the same N cases.
    """
    ill = np.asarray(labels, dtype=bool)
    n = len(ill)
    if min(ill.sum(), (~ill).sum()) < 2:
        return AucComparison(Estimate(math.nan, math.nan, math.nan, 0), math.nan, math.nan)
    of_pneumonia, of_normal = (b - a for a, b in zip(_placements(ill, first), _placements(ill, second), strict=True))
    difference = float(of_pneumonia.mean())
    error = math.sqrt(of_pneumonia.var(ddof=1) / len(of_pneumonia) + of_normal.var(ddof=1) / len(of_normal))
    z = difference / error if error > 0 else 0.0
    reach = Z * error
    return AucComparison(
        Estimate(difference, difference - reach, difference + reach, n), z, float(2 * stats.norm.sf(abs(z)))
    )


def mcnemar(first: ArrayLike, second: ArrayLike) -> McNemar:
    """McNemar's exact test (McNemar 1947, doi 10.1007/BF02295996).

    Args:
        first, second: whether each decided the same N cases rightly, [N].
    """
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    p = float(stats.binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0
    return McNemar(only_a, only_b, p)


def _placements(ill: NDArray[np.bool_], scores: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each pneumonia the share of normals below it, and of each normal the share of pneumonias above it."""
    values = np.asarray(scores, dtype=np.float64)
    return share_below(values[ill], values[~ill]), 1 - share_below(values[~ill], values[ill])

"""Do two readers agree beyond chance? Cohen's kappa with its interval."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from pulmoscan.statistics.metrics import Estimate, Z


def cohens_kappa(first: ArrayLike, second: ArrayLike) -> Estimate:
    """Cohen's kappa of two readers' calls of the same cases (Cohen 1960, doi 10.1177/001316446002000104).

    The interval goes by the large-sample standard error of Fleiss, Cohen and Everitt (1969, doi 10.1037/h0028106). NaN
    without cases, or where both give the same single answer to all.

    Args:
        first, second: [N] of any values that can be compared.
    """
    a, b = np.asarray(first), np.asarray(second)
    nothing = Estimate(math.nan, math.nan, math.nan, 0)
    if not len(a):
        return nothing
    answers = sorted(set(a.tolist()) | set(b.tolist()))
    share = np.array([[float(((a == i) & (b == j)).mean()) for j in answers] for i in answers])
    rows, columns = share.sum(1), share.sum(0)
    observed, chance = float(np.trace(share)), float(rows @ columns)
    if chance >= 1:
        return nothing
    kappa = (observed - chance) / (1 - chance)
    diagonal = np.diag(share) * (1 - (rows + columns) * (1 - kappa)) ** 2
    beside = share * (columns[:, None] + rows[None, :]) ** 2
    spread = diagonal.sum() + (1 - kappa) ** 2 * (beside.sum() - np.trace(beside))
    spread -= (kappa - chance * (1 - kappa)) ** 2
    reach = Z * math.sqrt(max(0.0, float(spread)) / len(a)) / (1 - chance)
    return Estimate(kappa, max(-1.0, kappa - reach), min(1.0, kappa + reach), len(a))

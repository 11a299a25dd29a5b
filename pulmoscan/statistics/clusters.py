"""Several radiographs of a patient are not independent: intervals that know it.

Without patients, or with one radiograph each, all of this is what `metrics` gives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulmoscan.statistics.metrics import Estimate, Scores, Z, auc_apart, proportion, share_below

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Clustered:
    """A share of the radiographs.

    Attributes:
        figure: with its interval; n is the number of radiographs.
        effective: how many independent ones tell as much (Rao and Scott 1992, doi 10.2307/2532311).
    """

    figure: Estimate
    effective: int


def share(right: ArrayLike, patients: Sequence[str]) -> Clustered:
    """The share of radiographs that were decided rightly, with Wilson's interval for the effective number.

    Args:
        right: [N], true or false.
        patients: [N]; an empty name is a patient of its own.
    """
    hits = np.asarray(right, dtype=float)
    n = len(hits)
    if n == 0:
        return Clustered(proportion(0, 0), 0)
    of = _numbers(patients)
    totals, sizes = np.bincount(of, hits), np.bincount(of).astype(float)
    m, p = len(sizes), float(hits.mean())
    effective = float(m)  # where all are alike nothing is known of how patients differ
    if 0 < p < 1 and m > 1:
        variance = m / (m - 1) * float(((totals - p * sizes) ** 2).sum()) / n**2
        effective = min(n, p * (1 - p) / variance) if variance > 0 else m
    if m == n:
        effective = n
    at = max(1, math.floor(effective + 1e-9))
    low, high = (p, p) if at == 0 else _wilson(p, at)
    return Clustered(Estimate(p, low, high, n), at)


def auc(scores: Scores, of_pneumonia: Sequence[str], of_normal: Sequence[str]) -> Estimate:
    """Area under the ROC curve with the interval for clustered data (Obuchowski 1997, doi 10.2307/2533958)."""
    plain = scores.auc
    ill, well = len(scores.pneumonia), len(scores.normal)
    numbers = _numbers([*_own(of_pneumonia, "p"), *_own(of_normal, "n")])
    clusters = int(numbers.max()) + 1 if len(numbers) else 0
    if min(ill, well) < 2 or clusters == ill + well:
        return plain
    x = np.bincount(numbers[:ill], share_below(scores.pneumonia, scores.normal) - plain.estimate, clusters)
    y = np.bincount(numbers[ill:], 1 - share_below(scores.normal, scores.pneumonia) - plain.estimate, clusters)
    with_ill, with_well = (len(set(part.tolist())) for part in (numbers[:ill], numbers[ill:]))
    if min(with_ill, with_well) < 2:
        return plain
    if plain.estimate in (0.0, 1.0):
        return auc_apart(plain.estimate, max(1, min(with_ill, with_well, clusters // 2)), plain.n)
    variance = with_ill / (with_ill - 1) * float((x**2).sum()) / ill**2
    variance += with_well / (with_well - 1) * float((y**2).sum()) / well**2
    variance += 2 * clusters / (clusters - 1) * float((x * y).sum()) / (ill * well)
    reach = Z * math.sqrt(max(0.0, variance))
    return Estimate(plain.estimate, max(0.0, plain.estimate - reach), min(1.0, plain.estimate + reach), plain.n)


def _wilson(p: float, n: int) -> tuple[float, float]:
    middle = (2 * p * n + Z**2) / (2 * (n + Z**2))
    reach = Z / (2 * (n + Z**2)) * math.sqrt(4 * n * p * (1 - p) + Z**2)
    return (middle - reach if p > 0 else 0.0), (middle + reach if p < 1 else 1.0)


def _own(patients: Sequence[str], kind: str) -> list[str]:
    return [patient or f"\0{kind}{number}" for number, patient in enumerate(patients)]


def _numbers(patients: Sequence[str]) -> NDArray[np.intp]:
    """A number for each patient, from 0 on."""
    names = _own(patients, "")
    known = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([known[name] for name in names], dtype=np.intp)

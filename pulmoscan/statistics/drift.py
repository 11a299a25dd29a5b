"""Does what comes in today still look like what came in at first? Week after week, with a correction for looking often.

Every look is a chance of crying wolf. The alarm's level is therefore shared out over all looks and measures of a year
(Bonferroni): without any change a year brings one alarm or more with a probability of at most `A_YEAR`. What it costs
is delay, which `tests/statistics/test_drift.py` measures on simulated shifts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

A_YEAR = 0.05
"""Probability of a false alarm within a year of weekly looks, at most."""
WEEKS = 52
FEWEST = 20
"""Cases below which a week tells nothing, and is no look."""
BINS = 10
LEAST_SHARE = 1e-4
"""In place of an empty bin's share, whose logarithm has no value."""


@dataclass(frozen=True)
class Change:
    """One measure of one week against the baseline.

    Attributes:
        p: of Kolmogorov's and Smirnov's test for numbers, of a chi-squared test for categories.
        psi: population stability index; by custom 0.1 is small and 0.25 large.
        level: below which `p` is an alarm.
    """

    measure: str
    p: float
    psi: float
    level: float
    cases: int

    @property
    def alarm(self) -> bool:
        return self.p < self.level


def of_numbers(measure: str, baseline: ArrayLike, week: ArrayLike, measures: int) -> Change | None:
    """Scores of a week against the baseline's; None where either has too few cases.

    Args:
        measures: that are looked at each week, this one among them.
    """
    from scipy.stats import ks_2samp  # slow to import

    before, now = np.asarray(baseline, float), np.asarray(week, float)
    if min(len(before), len(now)) < FEWEST:
        return None
    edges = np.quantile(before, np.linspace(0, 1, BINS + 1)[1:-1])
    shares = [np.bincount(np.searchsorted(edges, x), minlength=BINS) / len(x) for x in (before, now)]
    p = float(ks_2samp(before, now, method="asymp").pvalue)
    return Change(measure, p, stability_index(*shares), level(measures), len(now))


def of_categories(measure: str, baseline: Sequence[str], week: Sequence[str], measures: int) -> Change | None:
    """Words of a week against the baseline's; as `of_numbers`. Words that are seldom in both count as one."""
    from scipy.stats import chi2_contingency

    if min(len(baseline), len(week)) < FEWEST:
        return None
    counts = _counts(baseline, week)
    shares = counts / counts.sum(axis=1, keepdims=True)
    p = float(chi2_contingency(counts, correction=False).pvalue) if counts.shape[1] > 1 else 1.0
    return Change(measure, p, stability_index(*shares), level(measures), len(week))


def stability_index(before: NDArray[np.float64], now: NDArray[np.float64]) -> float:
    """Population stability index of two distributions over the same bins: sum of (now - before) ln(now / before)."""
    a, b = np.maximum(before, LEAST_SHARE), np.maximum(now, LEAST_SHARE)
    return float(np.sum((b - a) * np.log(b / a)))


def level(measures: int) -> float:
    """Of one look at one measure."""
    return A_YEAR / (WEEKS * measures)


def _counts(baseline: Sequence[str], week: Sequence[str]) -> NDArray[np.float64]:
    """[2, words]: how often each word is in the baseline and in the week; expected counts are 5 or more."""
    words = sorted({*baseline, *week})
    table = np.array([[list(side).count(word) for word in words] for side in (baseline, week)], float)
    expected = table.sum(axis=0) * len(week) / (len(baseline) + len(week))
    often, seldom = table[:, expected >= 5], table[:, expected < 5].sum(axis=1, keepdims=True)
    return np.concatenate([often, seldom], axis=1) if seldom.any() else often


def compare(
    baseline: Mapping[str, Sequence[float] | Sequence[str]], week: Mapping[str, Sequence[float] | Sequence[str]]
) -> list[Change]:
    """Every measure of the baseline: numbers by their distribution, words by how often they come."""
    found = []
    for measure, before in baseline.items():
        now = week.get(measure, ())
        how = of_categories if before and isinstance(before[0], str) else of_numbers
        change = how(measure, before, now, len(baseline))  # type: ignore[arg-type]
        found += [change] if change else []
    return found

"""Sensitivity, specificity and AUC of a score, each with its n and 95 % interval.

A radiograph is called pneumonia when its probability is at or above the threshold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

CONFIDENCE = 0.95
Z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
"""Standard errors on either side of an estimate. Pages show these intervals, and SciPy's distributions take longer to
import than a whole screening, so what needs no more than this is written out here and tested against SciPy."""

THRESHOLD_STEP = 0.001
"""Thresholds lie on whole steps, which a slider can reach. Coarser ones would cost specificity where probabilities are
low."""


@dataclass(frozen=True)
class Estimate:
    """An estimate with its 95 % interval; `n` is how many radiographs it rests on. NaN where n is 0."""

    estimate: float
    low: float
    high: float
    n: int

    @property
    def percent(self) -> str:
        """For proportions: `97.9 % (96.0 to 99.0, n = 390)`."""
        if self.n == 0:
            return "not measured"
        return f"{100 * self.estimate:.1f} % ({100 * self.low:.1f} to {100 * self.high:.1f}, n = {self.n})"

    @property
    def decimal(self) -> str:
        """For areas under curves: `0.979 (0.968 to 0.990, n = 624)`."""
        if self.n == 0:
            return "not measured"
        return f"{self.estimate:.3f} ({self.low:.3f} to {self.high:.3f}, n = {self.n})"


@dataclass(frozen=True)
class Confusion:
    """Counts at one threshold."""

    true_positives: int
    false_negatives: int
    true_negatives: int
    false_positives: int

    @property
    def sensitivity(self) -> Estimate:
        return proportion(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def specificity(self) -> Estimate:
        return proportion(self.true_negatives, self.true_negatives + self.false_positives)

    @property
    def ppv(self) -> Estimate:
        """Positive predictive value at the prevalence of the set that was measured."""
        return proportion(self.true_positives, self.true_positives + self.false_positives)

    @property
    def npv(self) -> Estimate:
        """Negative predictive value at the prevalence of the set that was measured."""
        return proportion(self.true_negatives, self.true_negatives + self.false_negatives)

    @property
    def positive_likelihood_ratio(self) -> Estimate:
        """How much a call of pneumonia raises the odds: sensitivity / (1 - specificity)."""
        return _ratio(self.true_positives, self.positives, self.false_positives, self.negatives)

    @property
    def negative_likelihood_ratio(self) -> Estimate:
        """How much a call of normal lowers the odds: (1 - sensitivity) / specificity."""
        return _ratio(self.false_negatives, self.positives, self.true_negatives, self.negatives)

    @property
    def positives(self) -> int:
        return self.true_positives + self.false_negatives

    @property
    def negatives(self) -> int:
        return self.true_negatives + self.false_positives

    @property
    def accuracy(self) -> Estimate:
        correct = self.true_positives + self.true_negatives
        return proportion(correct, correct + self.false_negatives + self.false_positives)


@dataclass(frozen=True)
class Scores:
    """Probabilities in [0, 1] that a model gave to the radiographs of one split, by reference standard.

    Attributes:
        normal, pneumonia: [N] each.
        normal_files, pneumonia_files: the radiographs' file names in the same order; empty where they are not known.

    Raises:
        ValueError: there are names, but not one for each probability.
    """

    normal: NDArray[np.float64]
    pneumonia: NDArray[np.float64]
    normal_files: tuple[str, ...] = ()
    pneumonia_files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        counts = (len(self.normal), len(self.pneumonia))
        if (len(self.normal_files), len(self.pneumonia_files)) not in ((0, 0), counts):
            raise ValueError("there is not one file name for each probability")

    @classmethod
    def of(cls, labels: ArrayLike, probabilities: ArrayLike, files: Sequence[str] = ()) -> Scores:
        """From labels (1 pneumonia, 0 normal), probabilities and, if known, file names, all [N]."""
        positive = np.asarray(labels, dtype=bool)
        p = np.asarray(probabilities, dtype=np.float64)
        return cls(
            normal=p[~positive],
            pneumonia=p[positive],
            normal_files=tuple(file for file, is_positive in zip(files, positive, strict=False) if not is_positive),
            pneumonia_files=tuple(file for file, is_positive in zip(files, positive, strict=False) if is_positive),
        )

    @property
    def has_files(self) -> bool:
        """Whether every radiograph's file name is known."""
        return bool(self.normal_files or self.pneumonia_files)

    def missed(self, threshold: float) -> list[tuple[str, float]]:
        """File name and probability of each false negative, the least suspected first; empty without names."""
        pairs = zip(self.pneumonia_files, self.pneumonia.tolist(), strict=False)
        return sorted((pair for pair in pairs if pair[1] < threshold), key=lambda pair: (pair[1], pair[0]))

    def false_alarms(self, threshold: float) -> list[tuple[str, float]]:
        """File name and probability of each false positive, the most suspected first; empty without names."""
        pairs = zip(self.normal_files, self.normal.tolist(), strict=False)
        return sorted((pair for pair in pairs if pair[1] >= threshold), key=lambda pair: (-pair[1], pair[0]))

    def at(self, threshold: float) -> Confusion:
        """The confusion matrix at a threshold."""
        found, alarmed = int((self.pneumonia >= threshold).sum()), int((self.normal >= threshold).sum())
        return Confusion(
            true_positives=found,
            false_negatives=len(self.pneumonia) - found,
            true_negatives=len(self.normal) - alarmed,
            false_positives=alarmed,
        )

    @property
    def auc(self) -> Estimate:
        """Area under the ROC curve with DeLong's interval (DeLong et al. 1988, doi 10.2307/2531595).

        Where the classes lie wholly apart DeLong's has no width, whatever n is: see `auc_apart`.
        """
        n = len(self.normal) + len(self.pneumonia)
        if not len(self.normal) or not len(self.pneumonia):
            return Estimate(math.nan, math.nan, math.nan, 0)
        # Placement values: for each radiograph the share of the other class that it is ranked rightly against.
        of_pneumonia = share_below(self.pneumonia, self.normal)
        of_normal = 1 - share_below(self.normal, self.pneumonia)
        estimate = float(of_pneumonia.mean())
        if min(len(self.normal), len(self.pneumonia)) < 2:
            return Estimate(estimate, 0.0, 1.0, n)
        if estimate in (0.0, 1.0):
            return auc_apart(estimate, min(len(self.normal), len(self.pneumonia)), n)
        variance = of_pneumonia.var(ddof=1) / len(of_pneumonia) + of_normal.var(ddof=1) / len(of_normal)
        reach = Z * math.sqrt(variance)
        return Estimate(estimate, max(0.0, estimate - reach), min(1.0, estimate + reach), n)


def auc_apart(estimate: float, pairs: int, n: int) -> Estimate:
    """An AUC of 1 (or 0) with an interval that few cases leave wide.

    Of the smaller class each case and another of the larger one make a pair; these are independent, and of each the AUC
    is the chance to be ranked rightly. That all were is the exact binomial's case without an error (Clopper and Pearson
    1934, doi 10.1093/biomet/26.4.404).
    """
    bound = (0.5 - CONFIDENCE / 2) ** (1 / pairs)
    return Estimate(estimate, bound, 1.0, n) if estimate else Estimate(estimate, 0.0, 1 - bound, n)


def proportion(count: int, n: int) -> Estimate:
    """`count` of `n` with Wilson's score interval (Wilson 1927, doi 10.2307/2276774)."""
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)
    middle = (2 * count + Z**2) / (2 * (n + Z**2))
    reach = Z / (2 * (n + Z**2)) * math.sqrt(4 * count * (n - count) / n + Z**2)
    return Estimate(count / n, middle - reach if count else 0.0, middle + reach if count < n else 1.0, n)


def share_below(values: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each value the share of the others that lie below it; ties count half."""
    ordered = np.sort(others)
    return (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / (2 * len(others))


def _ratio(a: int, of_a: int, b: int, of_b: int) -> Estimate:
    """(a / of_a) / (b / of_b) with the log method's interval (Simel et al. 1991, doi 10.1016/0895-4356(91)90128-V).

    An empty cell counts as half a radiograph for the interval.
    """
    if of_a == 0 or of_b == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)
    estimate = (a / of_a) / (b / of_b) if b else (math.inf if a else math.nan)
    a_, b_ = a or 0.5, b or 0.5
    middle = math.log((a_ / of_a) / (b_ / of_b))
    reach = Z * math.sqrt(1 / a_ - 1 / of_a + 1 / b_ - 1 / of_b)
    low, high = math.exp(middle - reach), math.exp(middle + reach)
    return Estimate(estimate, low if a else 0.0, high if b else math.inf, of_a + of_b)


def mean(values: Sequence[float] | NDArray[np.floating]) -> Estimate:
    """The mean of independent values with Student's t interval."""
    from scipy import stats  # only measuring needs it

    x = np.asarray(values, dtype=np.float64)
    if len(x) < 2:
        return Estimate(float(x[0]) if len(x) else math.nan, math.nan, math.nan, len(x))
    reach = float(stats.t.ppf(0.5 + CONFIDENCE / 2, len(x) - 1)) * x.std(ddof=1) / math.sqrt(len(x))
    return Estimate(float(x.mean()), float(x.mean() - reach), float(x.mean() + reach), len(x))

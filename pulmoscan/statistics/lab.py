"""Statistics of the threshold lab, all from stored `Scores`: curves, predictive values, net benefit, presets.

Nothing here runs a model. A radiograph is called pneumonia when its probability is at or above the threshold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_curve

from pulmoscan.statistics.metrics import CONFIDENCE, THRESHOLD_STEP, Confusion, Estimate, Scores

Array = NDArray[np.float64]

GRID: Array = np.round(np.arange(0, 1 + THRESHOLD_STEP / 2, THRESHOLD_STEP), 3)
"""Every threshold of the lab, [1001]."""
HISTOGRAM_BINS = 50


@dataclass(frozen=True, eq=False)
class Curve:
    """Points of a curve, [N] each.

    Attributes:
        thresholds: at which each point is reached; infinite where nothing is called pneumonia.
    """

    x: Array
    y: Array
    thresholds: Array


@dataclass(frozen=True)
class PredictiveValues:
    """At a prevalence that the user sets; n is the number of positive and of negative calls, as in the cards."""

    ppv: Estimate
    npv: Estimate


@dataclass(frozen=True, eq=False)
class Rates:
    """Sensitivity and specificity at every threshold of `GRID`, [1001] each."""

    sensitivity: Array
    specificity: Array


def rates(scores: Scores) -> Rates:
    """NaN for a class without radiographs."""
    with np.errstate(invalid="ignore"):
        return Rates(
            sensitivity=1 - _below(scores.pneumonia) / len(scores.pneumonia) if len(scores.pneumonia) else _nothing(),
            specificity=_below(scores.normal) / len(scores.normal) if len(scores.normal) else _nothing(),
        )


def roc(scores: Scores) -> Curve:
    """ROC curve: x 1 − specificity, y sensitivity; points on a straight line between others are left out."""
    false_positive_rate, true_positive_rate, thresholds = roc_curve(*_labelled(scores))
    return Curve(false_positive_rate, true_positive_rate, thresholds)


def precision_recall(scores: Scores, prevalence: float) -> Curve:
    """Precision-recall curve at a prevalence: x sensitivity, y positive predictive value."""
    labels, probabilities = _labelled(scores)
    precision, recall, thresholds = precision_recall_curve(
        labels, probabilities, sample_weight=_weights(scores, prevalence), drop_intermediate=True
    )
    return Curve(recall, precision, np.r_[thresholds, np.inf])


def average_precision(scores: Scores, prevalence: float) -> Estimate:
    """Area under the precision-recall curve at a prevalence, with the logit interval.

    The interval takes the pneumonias as the sample (Boyd, Eng and Page 2013, doi 10.1007/978-3-642-40994-3_29).
    """
    n = len(scores.pneumonia)
    if not n or not len(scores.normal):
        return _no_figure()
    labels, probabilities = _labelled(scores)
    estimate = float(average_precision_score(labels, probabilities, sample_weight=_weights(scores, prevalence)))
    if not 0 < estimate < 1:
        return Estimate(estimate, estimate, estimate, n)
    low, high = _logit_interval(_logit(estimate), 1 / math.sqrt(n * estimate * (1 - estimate)))
    return Estimate(estimate, low, high, n)


def prevalence(scores: Scores) -> float:
    """Share of pneumonias in the set that was measured; NaN where it is empty."""
    n = len(scores.normal) + len(scores.pneumonia)
    return len(scores.pneumonia) / n if n else math.nan


def predictive_values(counts: Confusion, prevalence: float) -> PredictiveValues:
    """PPV and NPV at a known prevalence in (0, 1), from sensitivity and specificity by Bayes' rule.

    Intervals are the logit intervals of Mercaldo, Lau and Zhou 2007 (doi 10.1002/sim.2677); where the confusion matrix
    holds a zero, their adjusted ones. NaN where a class is empty or, for the estimate, where nobody was called so.
    """
    ill = counts.true_positives + counts.false_negatives
    well = counts.true_negatives + counts.false_positives
    if not ill or not well:
        return PredictiveValues(_no_figure(), _no_figure())
    tp, fn = float(counts.true_positives), float(counts.false_negatives)
    tn, fp = float(counts.true_negatives), float(counts.false_positives)
    ppv = _share(tp / ill * prevalence, fp / well * (1 - prevalence))
    npv = _share(tn / well * (1 - prevalence), fn / ill * prevalence)
    if min(tp, fn, tn, fp) == 0:
        added = float(stats.norm.ppf(0.5 + CONFIDENCE / 2)) ** 2 / 2
        tp, fn, tn, fp = tp + added, fn + added, tn + added, fp + added
    sensitivity, specificity = tp / (tp + fn), tn / (tn + fp)
    odds = prevalence / (1 - prevalence)
    # Variances of the logarithms of the likelihood ratios.
    of_ppv = _logit_interval(
        math.log(sensitivity / (1 - specificity) * odds), math.sqrt(fn / tp / (tp + fn) + tn / fp / (tn + fp))
    )
    of_npv = _logit_interval(
        math.log(specificity / (1 - sensitivity) / odds), math.sqrt(tp / fn / (tp + fn) + fp / tn / (tn + fp))
    )
    called_ill = counts.true_positives + counts.false_positives
    called_well = counts.true_negatives + counts.false_negatives
    return PredictiveValues(_containing(ppv, of_ppv, called_ill), _containing(npv, of_npv, called_well))


def net_benefit(rates: Rates, prevalence: float) -> Array:
    """Net benefit at every threshold of `GRID` (Vickers and Elkin 2006, doi 10.1177/0272989X06295361), [1001].

    True positives count one each; false positives count the odds of the threshold, which is taken to be the probability
    from which treating is worth it. −∞ at a threshold of 1.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        harm = (1 - rates.specificity) * (1 - prevalence) * GRID / (1 - GRID)
    benefit: Array = rates.sensitivity * prevalence - np.where(rates.specificity < 1, harm, 0.0)
    return benefit


def treat_all(prevalence: float) -> Array:
    """Net benefit of calling everybody pneumonia, at every threshold of `GRID`, [1001]."""
    everybody = Rates(np.ones_like(GRID), np.zeros_like(GRID))
    return net_benefit(everybody, prevalence)


def histogram(probabilities: Array) -> Array:
    """Share of the radiographs in each of `HISTOGRAM_BINS` equal bins of [0, 1]."""
    counts, _ = np.histogram(probabilities, bins=HISTOGRAM_BINS, range=(0, 1))
    return np.asarray(counts / max(1, len(probabilities)), dtype=np.float64)


def youden(scores: Scores) -> float:
    """The lowest threshold with the greatest sensitivity + specificity − 1 (Youden 1950)."""
    at = rates(scores)
    return _lowest_best(at.sensitivity + at.specificity)


def threshold_for_specificity(scores: Scores, specificity: float) -> float:
    """The lowest threshold of `GRID` at which at least `specificity` of the normal radiographs stay below it."""
    reached = np.flatnonzero(rates(scores).specificity >= specificity - 1e-12)
    return float(GRID[reached[0]]) if reached.size else 1.0


def balanced(scores: Scores) -> float:
    """The lowest threshold at which the smaller of sensitivity and specificity is greatest."""
    at = rates(scores)
    return _lowest_best(np.minimum(at.sensitivity, at.specificity))


def _lowest_best(values: Array) -> float:
    return float(GRID[int(np.argmax(np.round(values, 12)))])


def _below(probabilities: Array) -> Array:
    """How many probabilities lie below each threshold of `GRID`."""
    return np.searchsorted(np.sort(probabilities), GRID, side="left").astype(np.float64)


def _nothing() -> Array:
    return np.full_like(GRID, np.nan)


def _no_figure() -> Estimate:
    return Estimate(math.nan, math.nan, math.nan, 0)


def _labelled(scores: Scores) -> tuple[Array, Array]:
    labels = np.r_[np.zeros(len(scores.normal)), np.ones(len(scores.pneumonia))]
    return labels, np.r_[scores.normal, scores.pneumonia]


def _weights(scores: Scores, prevalence: float) -> Array:
    """What each radiograph counts for, so that pneumonias have the prevalence's share."""
    normal, pneumonia = len(scores.normal), len(scores.pneumonia)
    return np.r_[np.full(normal, (1 - prevalence) / normal), np.full(pneumonia, prevalence / pneumonia)]


def _share(right: float, wrong: float) -> float:
    return right / (right + wrong) if right + wrong else math.nan


def _logit(p: float) -> float:
    return math.log(p / (1 - p))


def _logit_interval(centre: float, error: float) -> tuple[float, float]:
    reach = float(stats.norm.ppf(0.5 + CONFIDENCE / 2)) * error
    return 1 / (1 + math.exp(reach - centre)), 1 / (1 + math.exp(-reach - centre))


def _containing(estimate: float, interval: tuple[float, float], n: int) -> Estimate:
    """The adjusted interval is pulled away from 0 and 1, where the estimate may lie."""
    if math.isnan(estimate):
        return _no_figure()
    return Estimate(estimate, min(estimate, interval[0]), max(estimate, interval[1]), n)

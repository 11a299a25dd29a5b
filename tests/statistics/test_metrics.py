"""Figures against published tables, SciPy, scikit-learn and statsmodels.

The package confidenceinterval would be another reference, but it asks for setuptools 68.2, which other packages here
have long left behind.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score
from statsmodels.stats.contingency_tables import Table2x2
from statsmodels.stats.proportion import proportion_confint

from pulmoscan.statistics.metrics import Confusion, Scores, mean, proportion


def made_up(seed: int, normal: int = 60, pneumonia: int = 80, decimals: int | None = None) -> Scores:
    rng = np.random.default_rng(seed)
    low, high = rng.beta(2, 4, normal), rng.beta(4, 2, pneumonia)
    return Scores(low, high) if decimals is None else Scores(low.round(decimals), high.round(decimals))


# Proportions


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_as_published(count: int, n: int, low: float, high: float) -> None:
    """Newcombe 1998 (doi 10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E), table I, method 3."""
    figure = proportion(count, n)
    assert figure.estimate == count / n
    assert figure.n == n
    assert figure.low == pytest.approx(low, abs=5e-5)
    assert figure.high == pytest.approx(high, abs=5e-5)


@pytest.mark.parametrize(("count", "n"), [(0, 1), (1, 1), (3, 7), (0, 400), (382, 390), (5_000, 10_000)])
def test_wilson_as_scipy(count: int, n: int) -> None:
    figure = proportion(count, n)
    expected = stats.binomtest(count, n).proportion_ci(0.95, method="wilson")
    assert (figure.low, figure.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert (figure.low, figure.high) == pytest.approx(proportion_confint(count, n, method="wilson"), abs=1e-12)


def test_proportion_is_symmetric_and_never_of_zero_width() -> None:
    nothing, everything = proportion(0, 50), proportion(50, 50)
    assert nothing.low == pytest.approx(0, abs=1e-12)
    assert everything.high == pytest.approx(1)
    assert everything.low == pytest.approx(1 - nothing.high)
    assert everything.low < 0.95


def test_proportion_of_none() -> None:
    figure = proportion(0, 0)
    assert figure.n == 0
    assert all(math.isnan(v) for v in (figure.estimate, figure.low, figure.high))
    assert figure.percent == figure.decimal == "not measured"


def test_figures_say_their_interval_and_n() -> None:
    assert proportion(382, 390).percent == "97.9 % (96.0 to 99.0, n = 390)"
    assert proportion(382, 390).decimal == "0.979 (0.960 to 0.990, n = 390)"


# Confusion


def test_confusion() -> None:
    scores = Scores.of([0, 0, 0, 1, 1], [0.1, 0.5, 0.9, 0.5, 0.4])
    counts = scores.at(0.5)  # at the threshold counts as pneumonia
    assert (counts.true_positives, counts.false_negatives) == (1, 1)
    assert (counts.true_negatives, counts.false_positives) == (1, 2)
    assert (counts.sensitivity.estimate, counts.sensitivity.n) == (1 / 2, 2)
    assert (counts.specificity.estimate, counts.specificity.n) == (1 / 3, 3)
    assert (counts.ppv.estimate, counts.ppv.n) == (1 / 3, 3)
    assert (counts.npv.estimate, counts.npv.n) == (1 / 2, 2)
    assert (counts.accuracy.estimate, counts.accuracy.n) == (2 / 5, 5)


def test_extreme_thresholds() -> None:
    scores = made_up(0)
    assert scores.at(0.0).sensitivity.estimate == 1
    assert scores.at(0.0).specificity.estimate == 0
    assert scores.at(1.0).sensitivity.estimate == 0
    assert math.isnan(scores.at(1.0).ppv.estimate)  # nobody was called pneumonia


def test_scores_of_nothing() -> None:
    scores = Scores.of([], [])
    assert scores.at(0.5).sensitivity.n == scores.at(0.5).specificity.n == scores.auc.n == 0


def test_errors_by_name() -> None:
    labels, probabilities = [0, 0, 0, 1, 1, 1], [0.1, 0.5, 0.9, 0.5, 0.4, 0.2]
    scores = Scores.of(labels, probabilities, ["a", "b", "c", "d", "e", "f"])
    assert scores.missed(0.5) == [("f", 0.2), ("e", 0.4)]
    assert scores.false_alarms(0.5) == [("c", 0.9), ("b", 0.5)]
    unnamed = Scores.of(labels, probabilities)
    assert not unnamed.has_files
    assert unnamed.missed(0.5) == unnamed.false_alarms(0.5) == []


@pytest.mark.parametrize(("normal", "pneumonia"), [(("a",), ()), (("a", "b"), ()), (("a", "b"), ("c", "d"))])
def test_names_come_one_for_each_radiograph(normal: tuple[str, ...], pneumonia: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="one file name"):
        Scores(np.array([0.1, 0.2]), np.array([0.9]), normal, pneumonia)


# AUC


def delong_by_definition(scores: Scores) -> tuple[float, float]:
    """AUC and its variance from the kernel ψ of each pair, as DeLong et al. 1988 write it."""
    difference = scores.pneumonia[:, None] - scores.normal[None, :]
    kernel = (difference > 0) + 0.5 * (difference == 0)
    variance = kernel.mean(axis=1).var(ddof=1) / len(scores.pneumonia)
    variance += kernel.mean(axis=0).var(ddof=1) / len(scores.normal)
    return float(kernel.mean()), float(variance)


def test_auc_by_hand() -> None:
    """Pairs won: 1, 0, 1, 1. Both classes' placement values are ½ and 1, of variance ⅛: together ⅛."""
    figure = Scores(np.array([0.1, 0.4]), np.array([0.3, 0.5])).auc
    assert figure.estimate == 0.75
    assert figure.low == pytest.approx(0.75 - 1.959964 * math.sqrt(1 / 8), abs=1e-6)
    assert figure.high == 1.0  # 1.44, capped
    assert figure.n == 4


@pytest.mark.parametrize("decimals", [None, 2, 1], ids=["no ties", "few ties", "many ties"])
@pytest.mark.parametrize("seed", range(3))
def test_auc_against_its_definition(seed: int, decimals: int | None) -> None:
    scores = made_up(seed, decimals=decimals)
    estimate, variance = delong_by_definition(scores)
    figure = scores.auc
    assert figure.estimate == pytest.approx(estimate)
    assert figure.high - figure.estimate == pytest.approx(stats.norm.ppf(0.975) * math.sqrt(variance))
    assert figure.estimate - figure.low == pytest.approx(figure.high - figure.estimate)
    labels = [0] * len(scores.normal) + [1] * len(scores.pneumonia)
    assert figure.estimate == pytest.approx(roc_auc_score(labels, np.r_[scores.normal, scores.pneumonia]))


def test_auc_interval_agrees_with_a_bootstrap() -> None:
    scores = made_up(5, 150, 200)
    rng = np.random.default_rng(0)
    resampled = [
        delong_by_definition(Scores(rng.choice(scores.normal, 150), rng.choice(scores.pneumonia, 200)))[0]
        for _ in range(1000)
    ]
    low, high = np.percentile(resampled, [2.5, 97.5])
    assert scores.auc.low == pytest.approx(low, abs=0.01)
    assert scores.auc.high == pytest.approx(high, abs=0.01)


def test_auc_of_one_radiograph_claims_nothing() -> None:
    figure = Scores(np.array([0.2]), np.array([0.6, 0.7])).auc
    assert (figure.estimate, figure.low, figure.high, figure.n) == (1.0, 0.0, 1.0, 3)


@pytest.mark.parametrize(("normal", "pneumonia"), [(20, 20), (20, 500), (3, 4)])
def test_auc_of_classes_that_lie_apart_is_as_sure_as_their_cases_are_many(normal: int, pneumonia: int) -> None:
    """DeLong's interval would have no width, even of three and four."""
    low, high = np.linspace(0, 0.4, normal), np.linspace(0.6, 1, pneumonia)
    figure, upside_down = Scores(low, high).auc, Scores(high, low).auc
    expected = stats.binomtest(min(normal, pneumonia), min(normal, pneumonia)).proportion_ci(0.95, method="exact")
    assert (figure.estimate, figure.high) == (1.0, 1.0)
    assert figure.low == pytest.approx(expected.low)
    assert (upside_down.estimate, upside_down.low) == (0.0, 0.0)
    assert upside_down.high == pytest.approx(1 - expected.low)


def test_auc_of_one_class() -> None:
    for scores in (Scores(np.array([]), np.array([0.5])), Scores(np.array([0.5]), np.array([]))):
        assert scores.auc.n == 0
        assert math.isnan(scores.auc.estimate)


# Means


def test_mean() -> None:
    figure = mean([1.0, 2.0, 3.0])
    assert figure.estimate == 2
    assert figure.high - 2 == pytest.approx(4.302653 / math.sqrt(3), abs=1e-5)  # t with 2 degrees of freedom
    assert figure.low == pytest.approx(4 - figure.high)
    assert mean([0.5]).n == 1
    assert math.isnan(mean([0.5]).low)
    assert mean([]).n == 0
    assert math.isnan(mean([]).estimate)


# Thresholds


@pytest.mark.parametrize(("tp", "fn", "tn", "fp"), [(90, 10, 80, 20), (385, 5, 147, 87), (3, 9, 40, 1)])
def test_intervals_of_likelihood_ratios_are_statsmodels(tp: int, fn: int, tn: int, fp: int) -> None:
    """A likelihood ratio is a risk ratio over the two classes."""
    at = Confusion(tp, fn, tn, fp)
    for figure, rows in (
        (at.positive_likelihood_ratio, [[tp, fn], [fp, tn]]),
        (at.negative_likelihood_ratio, [[fn, tp], [tn, fp]]),
    ):
        table = Table2x2(rows, shift_zeros=False)
        assert figure.estimate == pytest.approx(table.riskratio)
        assert (figure.low, figure.high) == pytest.approx(table.riskratio_confint())


@pytest.mark.parametrize(("tp", "fn", "tn", "fp"), [(90, 10, 80, 20), (0, 5, 4, 6), (5, 0, 10, 0)])
def test_likelihood_ratios(tp: int, fn: int, tn: int, fp: int) -> None:
    at = Confusion(tp, fn, tn, fp)
    sensitivity, specificity = tp / (tp + fn), tn / (tn + fp)
    negative = at.negative_likelihood_ratio
    assert negative.estimate == pytest.approx((1 - sensitivity) / specificity)
    assert negative.low <= negative.estimate <= negative.high
    positive = at.positive_likelihood_ratio
    assert positive.estimate == (pytest.approx(sensitivity / (1 - specificity)) if fp else np.inf)
    assert positive.low <= positive.estimate <= positive.high

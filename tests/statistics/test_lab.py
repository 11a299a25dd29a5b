"""The lab's figures are scikit-learn's on the same scores; what scikit-learn lacks is held to its definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as sk

from pulmoscan.statistics import lab
from pulmoscan.statistics.metrics import Confusion, Scores
from pulmoscan.statistics.operating_points import threshold_for_sensitivity

THRESHOLDS = (0.0, 0.031, 0.25, 0.5, 0.777, 1.0)
PREVALENCES = (0.02, 0.3, 0.7)


def made_up(seed: int, normal: int = 300, pneumonia: int = 200, decimals: int | None = None) -> Scores:
    rng = np.random.default_rng(seed)
    low, high = rng.beta(2, 5, normal), rng.beta(5, 2, pneumonia)
    return Scores(low, high) if decimals is None else Scores(low.round(decimals), high.round(decimals))


def labelled(scores: Scores) -> tuple[np.ndarray, np.ndarray]:
    labels = np.r_[np.zeros(len(scores.normal)), np.ones(len(scores.pneumonia))]
    return labels, np.r_[scores.normal, scores.pneumonia]


def at_prevalence(scores: Scores, prevalence: float) -> np.ndarray:
    """scikit-learn knows a prevalence as weights."""
    labels, _ = labelled(scores)
    return np.where(labels == 1, prevalence / len(scores.pneumonia), (1 - prevalence) / len(scores.normal))


@pytest.fixture(params=[(0, None), (1, 2), (2, 1)], ids=["no ties", "few ties", "many ties"])
def scores(request: pytest.FixtureRequest) -> Scores:
    seed, decimals = request.param
    return made_up(seed, decimals=decimals)


# Against scikit-learn


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_confusion_sensitivity_and_specificity(scores: Scores, threshold: float) -> None:
    labels, p = labelled(scores)
    called = p >= threshold
    counts = scores.at(threshold)
    tn, fp, fn, tp = sk.confusion_matrix(labels, called, labels=[0, 1]).ravel()
    assert (counts.true_negatives, counts.false_positives) == (tn, fp)
    assert (counts.false_negatives, counts.true_positives) == (fn, tp)
    assert counts.sensitivity.estimate == pytest.approx(sk.recall_score(labels, called))
    assert counts.specificity.estimate == pytest.approx(sk.recall_score(labels, called, pos_label=0))
    at = lab.rates(scores)
    (index,) = np.flatnonzero(threshold == lab.GRID)
    assert at.sensitivity[index] == pytest.approx(counts.sensitivity.estimate)
    assert at.specificity[index] == pytest.approx(counts.specificity.estimate)


@pytest.mark.parametrize("prevalence", PREVALENCES)
@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_predictive_values(scores: Scores, threshold: float, prevalence: float) -> None:
    labels, p = labelled(scores)
    called, weights = p >= threshold, at_prevalence(scores, prevalence)
    values = lab.predictive_values(scores.at(threshold), prevalence)
    for figure, positive, somebody in ((values.ppv, 1, called.any()), (values.npv, 0, not called.all())):
        if somebody:
            expected = sk.precision_score(labels, called, pos_label=positive, sample_weight=weights)
            assert figure.estimate == pytest.approx(expected)
            assert figure.low <= figure.estimate <= figure.high
            assert figure.n == len(p)
        else:
            assert figure.n == 0
            assert math.isnan(figure.estimate)


def test_roc(scores: Scores) -> None:
    labels, p = labelled(scores)
    curve = lab.roc(scores)
    assert sk.auc(curve.x, curve.y) == pytest.approx(sk.roc_auc_score(labels, p))
    for x, y, threshold in zip(curve.x[1:], curve.y[1:], curve.thresholds[1:], strict=True):
        counts = scores.at(threshold)
        assert (x, y) == pytest.approx((1 - counts.specificity.estimate, counts.sensitivity.estimate))


@pytest.mark.parametrize("prevalence", PREVALENCES)
def test_precision_recall_and_its_area(scores: Scores, prevalence: float) -> None:
    labels, p = labelled(scores)
    weights = at_prevalence(scores, prevalence)
    curve = lab.precision_recall(scores, prevalence)
    area = -float(np.sum(np.diff(curve.x) * curve.y[:-1]))
    expected = sk.average_precision_score(labels, p, sample_weight=weights)
    assert area == pytest.approx(expected, abs=2e-3), "the curve leaves out points between two of equal sensitivity"
    figure = lab.average_precision(scores, prevalence)
    assert figure.estimate == pytest.approx(expected)
    assert figure.low < figure.estimate < figure.high
    for x, y, threshold in zip(curve.x[:-1], curve.y[:-1], curve.thresholds[:-1], strict=True):
        counts = scores.at(threshold)
        assert x == pytest.approx(counts.sensitivity.estimate)
        assert y == pytest.approx(lab.predictive_values(counts, prevalence).ppv.estimate)


def test_prevalence_of_the_set_gives_the_plain_figures(scores: Scores) -> None:
    labels, p = labelled(scores)
    own = lab.prevalence(scores)
    assert own == pytest.approx(labels.mean())
    assert lab.average_precision(scores, own).estimate == pytest.approx(sk.average_precision_score(labels, p))
    counts = scores.at(0.5)
    values = lab.predictive_values(counts, own)
    assert values.ppv.estimate == pytest.approx(counts.ppv.estimate)
    assert values.npv.estimate == pytest.approx(counts.npv.estimate)


def test_youden_is_the_best_of_the_roc_curve() -> None:
    scores = made_up(3, decimals=3)  # on the lab's grain, so that both see the same thresholds
    x, y, _ = sk.roc_curve(*labelled(scores))
    counts = scores.at(lab.youden(scores))
    reached = counts.sensitivity.estimate + counts.specificity.estimate - 1
    assert reached == pytest.approx(float((y - x).max()))


def test_presets_by_hand() -> None:
    scores = Scores(np.array([0.1, 0.2, 0.3, 0.6]), np.array([0.25, 0.5, 0.7, 0.9]))
    # Above 0.3 sensitivity and specificity are 3/4 each; up to 0.25 they are 1 and 1/2.
    assert lab.balanced(scores) == 0.301
    assert lab.youden(scores) == 0.201  # 1 and 1/2, as good as 3/4 and 3/4: the more sensitive of equals
    assert threshold_for_sensitivity(scores, 0.75) == 0.5


# Against definitions and simulation


@pytest.mark.parametrize("prevalence", PREVALENCES)
def test_net_benefit_as_defined(scores: Scores, prevalence: float) -> None:
    """In a population of a million with that prevalence."""
    benefit = lab.net_benefit(lab.rates(scores), prevalence)
    for threshold in (0.05, 0.2, 0.5, 0.9):
        counts = scores.at(threshold)
        tp = counts.sensitivity.estimate * prevalence * 1e6
        fp = (1 - counts.specificity.estimate) * (1 - prevalence) * 1e6
        (index,) = np.flatnonzero(threshold == lab.GRID)
        assert benefit[index] == pytest.approx((tp - fp * threshold / (1 - threshold)) / 1e6)
        everybody = prevalence - (1 - prevalence) * threshold / (1 - threshold)
        assert lab.treat_all(prevalence)[index] == pytest.approx(everybody)
    assert benefit[0] == pytest.approx(prevalence), "nothing lost by treating all"
    assert lab.treat_all(prevalence)[-1] == -np.inf


def test_logit_intervals_as_defined() -> None:
    """Mercaldo et al. 2007, written with sensitivity and specificity as they do."""
    counts = Confusion(true_positives=84, false_negatives=16, true_negatives=180, false_positives=20)
    se, sp, n1, n0, p, z = 0.84, 0.9, 100, 200, 0.1, 1.959964
    values = lab.predictive_values(counts, p)
    logit_ppv = math.log(se * p / ((1 - sp) * (1 - p)))
    error = math.sqrt((1 - se) / se / n1 + sp / (1 - sp) / n0)
    assert values.ppv.low == pytest.approx(1 / (1 + math.exp(-(logit_ppv - z * error))), abs=1e-6)
    assert values.ppv.high == pytest.approx(1 / (1 + math.exp(-(logit_ppv + z * error))), abs=1e-6)
    logit_npv = math.log(sp * (1 - p) / ((1 - se) * p))
    error = math.sqrt(se / (1 - se) / n1 + (1 - sp) / sp / n0)
    assert values.npv.low == pytest.approx(1 / (1 + math.exp(-(logit_npv - z * error))), abs=1e-6)
    assert values.npv.high == pytest.approx(1 / (1 + math.exp(-(logit_npv + z * error))), abs=1e-6)


def test_predictive_values_rest_on_as_many_calls_as_in_the_cards() -> None:
    counts = Confusion(true_positives=84, false_negatives=16, true_negatives=180, false_positives=20)
    values = lab.predictive_values(counts, 0.3)
    assert (values.ppv.n, values.npv.n) == (counts.ppv.n, counts.npv.n) == (104, 196)


@pytest.mark.parametrize(("sensitivity", "specificity"), [(0.9, 0.8), (0.99, 0.3), (0.6, 0.98)])
def test_intervals_of_predictive_values_cover(sensitivity: float, specificity: float) -> None:
    """Nineteen of twenty 95 % intervals should hold the truth; near 0 and 1, where adjusted, rather more."""
    rng = np.random.default_rng(0)
    prevalence, n1, n0, repeats = 0.2, 250, 250, 1500
    ppv = sensitivity * prevalence / (sensitivity * prevalence + (1 - specificity) * (1 - prevalence))
    npv = specificity * (1 - prevalence) / (specificity * (1 - prevalence) + (1 - sensitivity) * prevalence)
    held = np.zeros(2)
    for tp, tn in zip(rng.binomial(n1, sensitivity, repeats), rng.binomial(n0, specificity, repeats), strict=True):
        values = lab.predictive_values(Confusion(int(tp), int(n1 - tp), int(tn), int(n0 - tn)), prevalence)
        held += [values.ppv.low <= ppv <= values.ppv.high, values.npv.low <= npv <= values.npv.high]
    assert (held / repeats >= 0.935).all()


def test_one_class_alone_has_no_predictive_value() -> None:
    for scores in (Scores(np.array([0.3]), np.array([])), Scores(np.array([]), np.array([0.3]))):
        values = lab.predictive_values(scores.at(0.5), 0.1)
        assert values.ppv.n == values.npv.n == lab.average_precision(scores, 0.1).n == 0
    assert math.isnan(lab.prevalence(Scores(np.array([]), np.array([]))))


def test_histogram_is_a_share_of_the_class() -> None:
    shares = lab.histogram(np.array([0.0, 0.001, 0.5, 1.0]))
    assert len(shares) == lab.HISTOGRAM_BINS
    assert (shares[0], shares[-1]) == (0.5, 0.25), "1.0 belongs to the last bin"
    assert shares.sum() == 1
    assert lab.histogram(np.array([])).sum() == 0


@pytest.mark.weights
def test_stored_scores_of_every_model_give_scikit_learns_figures() -> None:
    from pulmoscan.models.card import read_card
    from pulmoscan.models.registry import MODELS

    for spec in MODELS.values():
        for scores in read_card(spec).scores.values():
            labels, p = labelled(scores)
            assert scores.auc.estimate == pytest.approx(sk.roc_auc_score(labels, p))
            curve = lab.roc(scores)
            assert sk.auc(curve.x, curve.y) == pytest.approx(sk.roc_auc_score(labels, p))

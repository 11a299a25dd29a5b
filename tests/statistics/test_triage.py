"""The promise of a triage: exact in its counting, kept in simulation, broken and noticed under a shift."""

import warnings

import numpy as np
import pytest
from mapie.risk_control import BinaryClassificationController

from pulmoscan.errors import InvalidPromise
from pulmoscan.statistics.exact import upper_bound
from pulmoscan.statistics.metrics import Scores
from pulmoscan.statistics.triage import Promise, choose, counts, narrower, of_patients
from pulmoscan.statistics.triage_simulation import simulate

RNG = np.random.default_rng(3)
PATIENTS = Scores(RNG.beta(1.2, 8, 3000), RNG.beta(5, 1.6, 3000))


def test_largest_region_that_the_exact_bound_allows() -> None:
    ill, well = RNG.beta(5, 2, 700), RNG.beta(2, 5, 700)
    promise = Promise(0.02, 0.05, 0.95)
    triage = choose(ill, well, promise)
    low, high = triage.rule_out.threshold, triage.rule_in.threshold
    assert low is not None
    assert high is not None
    misses, alarms = int((ill < low).sum()), int((well >= high).sum())
    assert (misses, alarms) == (triage.rule_out.errors, triage.rule_in.errors)
    assert upper_bound(misses, 700) <= 0.02 < upper_bound(misses + 1, 700)
    assert upper_bound(alarms, 700) <= 0.05 < upper_bound(alarms + 1, 700)
    # One more score below it would be one miss too many.
    assert (ill < low + 2e-6).sum() == misses + 1
    assert [triage.call(p) for p in (0.0, low, (low + high) / 2, high, 1.0)] == [
        "rule out",
        "uncertain",
        "uncertain",
        "rule in",
        "rule in",
    ]


@pytest.mark.parametrize("n", [128, 512])
@pytest.mark.parametrize("rate", [0.02, 0.1])
@pytest.mark.parametrize("confidence", [0.9, 0.99])
def test_regions_are_mapies(n: int, rate: float, confidence: float) -> None:
    """MAPIE's risk control (Learn Then Test, thresholds tried in order) finds the same regions on the same cases.

    Its p-value is the exact binomial one where the loss is binary. It rounds n times the share of errors up, which is
    the number of errors only where the share is exact in binary: hence numbers of cases that are powers of two.
    """
    ill = RNG.choice(np.arange(200_000, 1_000_000), n, replace=False) / 1e6  # no ties
    well = 1 - ill
    triage = choose(ill, well, Promise(rate, rate, confidence))
    # At the k-th of these, k cases lie on the wrong side.
    lowest, highest = np.sort(ill)[: n // 4], np.sort(well)[::-1][: n // 4] + 1e-9
    recall = controlled("recall", 1 - rate, confidence, lowest, ill, 1)
    alarms = controlled("fpr", rate, confidence, highest, well, 0)
    for side, valid, step in ((triage.rule_out, recall, 1e-6), (triage.rule_in, alarms, -1e-6)):
        if side.threshold is None:
            assert not len(valid)
        else:
            assert len(valid) == side.errors + 1
            assert valid[-1] == pytest.approx(side.threshold + step, abs=1e-7)


def controlled(
    risk: str, level: float, confidence: float, thresholds: np.ndarray, scores: np.ndarray, label: int
) -> np.ndarray:
    """The thresholds that MAPIE finds to keep a risk at the level, from the safest on."""
    controller = BinaryClassificationController(
        lambda scores: np.c_[1 - scores, scores],
        risk,
        level,
        confidence,
        list_predict_params=thresholds,
        fwer_method="fixed_sequence",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it warns where no threshold keeps it
        controller.calibrate(scores, np.full(len(scores), label))
    found: np.ndarray = controller.valid_predict_params
    return found


def test_too_few_to_promise() -> None:
    triage = choose(RNG.beta(5, 2, 126), RNG.beta(2, 5, 58), Promise(0.02, 0.05))
    assert (triage.rule_out.threshold, triage.rule_out.needed) == (None, 23)
    assert (triage.rule_in.threshold, triage.rule_in.needed) == (None, 1)
    assert triage.call(0.0) == triage.call(1.0) == "uncertain"
    assert triage.reasons[0] == "Too few pneumonias to promise this: 126 are there, 23 more are needed."


def test_regions_never_overlap() -> None:
    triage = choose(np.linspace(0.9, 1, 300), np.linspace(0, 0.1, 300), Promise(0.02, 0.05))
    assert triage.rule_out.threshold == triage.rule_in.threshold
    assert counts(triage, Scores(np.linspace(0, 0.1, 300), np.linspace(0.9, 1, 300))).share("uncertain") < 0.02


def test_ties_at_the_end_leave_no_region() -> None:
    triage = choose(np.zeros(300), np.ones(300), Promise())
    assert triage.rule_out.threshold is None
    assert triage.rule_in.threshold is None
    assert "end of the scale" in triage.reasons[0]


def test_a_patient_counts_once_and_at_the_worst() -> None:
    scores = np.array([0.9, 0.2, 0.5, 0.4, 0.7])
    patients = ["a", "a", "b", "", ""]
    assert sorted(of_patients(scores, patients, "lowest")) == [0.2, 0.4, 0.5, 0.7]
    assert sorted(of_patients(scores, patients, "highest")) == [0.4, 0.5, 0.7, 0.9]


def test_unknown_patients_get_the_regions_that_all_share() -> None:
    a = choose(RNG.beta(5, 2, 400), RNG.beta(2, 5, 400), Promise())
    b = choose(RNG.beta(9, 2, 400), RNG.beta(2, 9, 400), Promise())
    both = narrower([a, b])
    for p in np.linspace(0, 1, 201):
        calls = {a.call(p), b.call(p)}
        assert both.call(p) == (calls.pop() if len(calls) == 1 else "uncertain")
    assert narrower([a, choose([0.5], [0.5], Promise())]).rule_out.threshold is None


@pytest.mark.parametrize("wrong", [(0.0, 0.05, 0.95), (0.02, 1.0, 0.95), (0.02, 0.05, 0.3)])
def test_a_promise_that_is_none(wrong: tuple[float, float, float]) -> None:
    with pytest.raises(InvalidPromise):
        Promise(*wrong)


@pytest.mark.parametrize(("positives", "negatives"), [(149, 59), (400, 400)])
def test_promise_holds_over_resamplings(positives: int, negatives: int) -> None:
    found = simulate(PATIENTS, Promise(), positives, negatives, rounds=300)
    # 5 % of 300 are 15; were it more than 5 %, 25 and more would be seen in 1 of 100 such tests.
    assert found.broken_misses.estimate <= 25 / 300
    assert found.broken_alarms.estimate <= 25 / 300
    assert found.ruled_out > 0.2
    assert found.noticed.estimate < 0.05


def test_promise_breaks_under_a_shift_and_it_is_noticed() -> None:
    found = simulate(PATIENTS, Promise(), 400, 400, shift=1.0, rounds=100)
    assert found.broken_misses.estimate > 0.5
    assert found.noticed.estimate > 0.95

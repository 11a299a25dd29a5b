"""Intervals of clustered radiographs: as for independent ones where each patient has one, and wide enough where not."""

import numpy as np
import pytest

from pulmoscan.statistics import clusters
from pulmoscan.statistics.metrics import Scores, proportion

RNG = np.random.default_rng(5)


def test_one_radiograph_each_is_what_it_was() -> None:
    right = RNG.random(80) < 0.9
    found = clusters.share(right, [""] * 80)
    plain = proportion(int(right.sum()), 80)
    assert found.effective == 80
    assert (found.figure.low, found.figure.high) == pytest.approx((plain.low, plain.high))
    scores = Scores(RNG.random(50), RNG.random(60) + 0.3)
    assert clusters.auc(scores, [f"p{n}" for n in range(60)], [f"n{n}" for n in range(50)]) == scores.auc


def test_copies_tell_nothing_new() -> None:
    right = RNG.random(60) < 0.8
    patients = [str(n) for n in range(60)]
    once, thrice = clusters.share(right, patients), clusters.share(np.repeat(right, 3), np.repeat(patients, 3).tolist())
    assert thrice.figure.n == 180
    assert thrice.effective == pytest.approx(60, abs=1)
    assert thrice.figure.low == pytest.approx(once.figure.low, abs=0.005)
    ill, well = RNG.normal(1, 1, 60), RNG.normal(0, 1, 60)
    one = clusters.auc(Scores(well, ill), patients, [f"n{n}" for n in range(60)])
    three = clusters.auc(
        Scores(np.repeat(well, 3), np.repeat(ill, 3)),
        np.repeat(patients, 3).tolist(),
        [f"n{n // 3}" for n in range(180)],
    )
    assert three.estimate == pytest.approx(one.estimate)
    assert three.high - three.low == pytest.approx(one.high - one.low, rel=0.02)


def test_without_any_miss_as_many_as_patients_count() -> None:
    found = clusters.share([True] * 90, [str(n // 3) for n in range(90)])
    assert (found.figure.estimate, found.effective) == (1, 30)


def test_interval_holds_the_truth_where_patients_differ() -> None:
    held = clustered = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        patients = np.repeat(np.arange(40), 5)
        right = rng.random(200) < np.repeat(rng.beta(4, 1, 40), 5)  # 0.8 on the average
        plain, found = proportion(int(right.sum()), 200), clusters.share(right, [str(p) for p in patients]).figure
        held += plain.low <= 0.8 <= plain.high
        clustered += found.low <= 0.8 <= found.high
    assert held < clustered
    assert clustered >= 180


def test_nothing_of_nothing() -> None:
    assert clusters.share([], []).figure.n == 0

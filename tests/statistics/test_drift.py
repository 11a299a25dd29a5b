"""Drift: how seldom it cries wolf, and how soon it sees a shift."""

from __future__ import annotations

import numpy as np
import pytest

from pulmoscan.statistics.drift import A_YEAR, compare, level, of_categories, of_numbers, stability_index

RNG = np.random.default_rng(7)
A_WEEK, BASELINE = 100, 500


def scores(count: int, shift: float = 0.0) -> np.ndarray:
    """Calibrated probabilities whose log-odds are shifted."""
    return 1 / (1 + np.exp(-(RNG.normal(-2, 2, count) + shift)))


def words(count: int, share: float = 0.3) -> list[str]:
    """`AP` for that share, else `PA`."""
    return np.where(RNG.random(count) < share, "AP", "PA").tolist()


def weeks_until_alarm(shift: float, share: float, weeks: int) -> int | None:
    """Of one simulated site."""
    baseline = {"score": scores(BASELINE).tolist(), "view": words(BASELINE)}
    for week in range(1, weeks + 1):
        now = {"score": scores(A_WEEK, shift).tolist(), "view": words(A_WEEK, share)}
        if any(change.alarm for change in compare(baseline, now)):
            return week
    return None


def test_a_year_without_change_seldom_brings_an_alarm() -> None:
    """The whole year's level holds, in 40 simulated sites: were it 5 %, 7 of them had an alarm once in 300 times."""
    alarms = sum(weeks_until_alarm(0.0, 0.3, 52) is not None for _ in range(40))
    assert alarms <= 6
    assert level(2) * 52 * 2 == pytest.approx(A_YEAR)


@pytest.mark.parametrize(("shift", "share", "weeks"), [(1.5, 0.3, 2), (1.0, 0.3, 12), (0.0, 0.6, 2)])
def test_a_shift_is_seen_within(shift: float, share: float, weeks: int) -> None:
    """The median delay of 15 simulated sites with 100 radiographs a week."""
    delays = [weeks_until_alarm(shift, share, 30) or 31 for _ in range(15)]
    assert np.median(delays) <= weeks


def test_what_is_seldom_counts_together_and_too_few_tell_nothing() -> None:
    assert of_numbers("score", scores(500), scores(5), 1) is None
    assert of_categories("maker", ["a"] * 500, ["a"] * 5, 1) is None
    same = of_categories("maker", ["a"] * 500, ["a"] * 50, 1)
    assert same
    assert (same.p, same.psi, same.alarm) == (1.0, 0.0, False)
    new = of_categories("maker", ["a"] * 500, ["b"] * 50, 1)
    assert new
    assert new.alarm
    assert new.psi > 1
    one_other = of_categories("maker", ["a"] * 500, [*["a"] * 49, "b"], 1)
    assert one_other
    assert not one_other.alarm


def test_the_index_by_hand() -> None:
    found = stability_index(np.array([0.5, 0.5]), np.array([0.6, 0.4]))
    assert found == pytest.approx(0.1 * np.log(1.2) - 0.1 * np.log(0.8))

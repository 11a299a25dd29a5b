"""Exact binomial statements against statsmodels and against the rule that hospitals know."""

import math

import pytest
from scipy.stats import binom
from statsmodels.stats.proportion import proportion_confint

from pulmoscan.statistics.exact import cases_needed, clopper_pearson, errors_allowed, upper_bound


@pytest.mark.parametrize(("rate", "needed"), [(0.05, 59), (0.02, 149), (0.01, 299)])
def test_cases_without_an_error(rate: float, needed: int) -> None:
    assert cases_needed(rate) == needed
    assert errors_allowed(needed, rate) == 0
    assert errors_allowed(needed - 1, rate) is None


@pytest.mark.parametrize("n", [10, 59, 200, 1234, 50_000])
@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_errors_allowed_are_the_most_that_the_binomial_allows(n: int, rate: float, confidence: float) -> None:
    allowed = errors_allowed(n, rate, confidence)
    if allowed is None:
        assert binom.cdf(0, n, rate) > 1 - confidence
    else:
        assert binom.cdf(allowed, n, rate) <= 1 - confidence < binom.cdf(allowed + 1, n, rate)


@pytest.mark.parametrize("errors", [0, 1, 5, 20])
def test_cases_needed_with_errors(errors: int) -> None:
    needed = cases_needed(0.02, errors, 0.9)
    assert errors_allowed(needed, 0.02, 0.9) == errors
    assert upper_bound(errors, needed, 0.9) <= 0.02 < upper_bound(errors, needed - 1, 0.9)


@pytest.mark.parametrize(("count", "n"), [(0, 20), (3, 20), (20, 20), (385, 390)])
def test_interval_is_clopper_and_pearsons(count: int, n: int) -> None:
    low, high = proportion_confint(count, n, alpha=0.05, method="beta")
    figure = clopper_pearson(count, n)
    assert (figure.low, figure.high) == pytest.approx((low, high))


def test_nothing_is_known_of_no_cases() -> None:
    assert upper_bound(0, 0) == 1
    assert math.isnan(clopper_pearson(0, 0).estimate)

"""Exact binomial statements: how sure few cases can make one, and how many are needed.

A region with a tolerated rate of errors is shown to hold, at a confidence, by so few errors of n cases as would be
seen with a probability of at most 1 − confidence, were the true rate the tolerated one (Clopper and Pearson 1934, doi
10.1093/biomet/26.4.404). No SciPy below `upper_bound`: screening counts on `errors_allowed`.
"""

from __future__ import annotations

import math

from pulmoscan.statistics.metrics import CONFIDENCE, Estimate


def errors_allowed(n: int, rate: float, confidence: float = CONFIDENCE) -> int | None:
    """The most errors of n cases that still show a true rate of at most `rate`; None where not even 0 of n do.

    Args:
        rate, confidence: both above 0 and below 1.
    """
    odds, log_term, total, allowed = math.log(rate) - math.log1p(-rate), n * math.log1p(-rate), 0.0, None
    for errors in range(n):
        total += math.exp(log_term)  # P(Binomial(n, rate) <= errors)
        if total > 1 - confidence:
            break
        allowed = errors
        log_term += math.log(n - errors) - math.log(errors + 1) + odds
    return allowed


def cases_needed(rate: float, errors: int = 0, confidence: float = CONFIDENCE) -> int:
    """The fewest cases of which so many errors show a true rate of at most `rate`.

    Examples:
        59, 149 or 299 pneumonias without a miss show a sensitivity of at least 95, 98 or 99 %.

        >>> [cases_needed(rate) for rate in (0.05, 0.02, 0.01)]
        [59, 149, 299]
    """
    few, many = errors, errors + 1
    while not _shown(many, errors, rate, confidence):
        few, many = many, 2 * many
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if _shown(middle, errors, rate, confidence) else (middle, many)
    return many


def _shown(n: int, errors: int, rate: float, confidence: float) -> bool:
    allowed = errors_allowed(n, rate, confidence)
    return allowed is not None and allowed >= errors


def upper_bound(errors: int, n: int, confidence: float = CONFIDENCE) -> float:
    """One-sided upper bound of a rate of which `errors` of n were seen; 1 where n is 0."""
    from scipy.special import betaincinv  # takes longer to import than a screening

    return 1.0 if errors >= n else float(betaincinv(errors + 1, n - errors, confidence))


def clopper_pearson(count: int, n: int) -> Estimate:
    """`count` of `n` with the exact two-sided 95 % interval."""
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)
    reach = 0.5 + CONFIDENCE / 2
    return Estimate(count / n, 1 - upper_bound(n - count, n, reach), upper_bound(count, n, reach), n)

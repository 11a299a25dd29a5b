"""What a decision means for patients like this one, in words: likelihood ratios, predictive values at a prevalence."""

from __future__ import annotations

import math

from pulmoscan.export.evidence import Measured
from pulmoscan.screening import Label
from pulmoscan.statistics.metrics import Estimate

DEFAULT_PREVALENCE = 0.10
"""Share of pneumonias among those who are screened: a round number to begin with, not a measured one."""


def meaning(measured: Measured, label: Label, prevalence: float = DEFAULT_PREVALENCE) -> tuple[str, str]:
    """Two sentences: how much more common this call is in one class than in the other, and what follows from it.

    Args:
        prevalence: share of pneumonias among such patients, in (0, 1).
    """
    return likelihood(measured, label), of_a_hundred(measured, label, prevalence)


def likelihood(measured: Measured, label: Label) -> str:
    """The likelihood ratio of the call."""
    positive = label == "pneumonia"
    ratio = measured.likelihood_ratio(label)
    if not positive:  # told the way round in which it is above 1
        ratio = Estimate(_inverse(ratio.estimate), _inverse(ratio.high), _inverse(ratio.low), ratio.n)
    call, with_it, others = ("positive", "with", "without") if positive else ("negative", "without", "with")
    if math.isnan(ratio.estimate):
        return f"No {call} call was made on {measured.patients} at this threshold."
    if math.isinf(ratio.estimate):
        return f"No {measured.patients} {others} pneumonia got a {call} call on the radiographs that were measured."
    return (
        f"A {call} call is {_times(ratio.estimate)} times ({_times(ratio.low)} to {_times(ratio.high)}) as common in "
        f"{measured.patients} {with_it} pneumonia as in those {others}."
    )


def of_a_hundred(measured: Measured, label: Label, prevalence: float) -> str:
    """Of a hundred such patients who are called so, how many have pneumonia."""
    positive = label == "pneumonia"
    ratio = measured.likelihood_ratio(label)
    ill = [100 * after(prevalence, value) for value in (ratio.estimate, ratio.low, ratio.high)]
    if any(math.isnan(number) for number in ill):
        return ""
    estimate, low, high = (_count(number) for number in ill)
    call = "positive" if positive else "negative"
    return (
        f"Of 100 such patients called {call}, {estimate} ({low} to {high}) {'have' if estimate != '1' else 'has'} "
        f"pneumonia at a prevalence of {100 * prevalence:g} %."
    )


def after(prevalence: float, ratio: float) -> float:
    """The share of pneumonias after a call with that likelihood ratio, by Bayes' rule on odds; in [0, 1]."""
    if math.isinf(ratio):
        return 1.0
    odds = prevalence / (1 - prevalence) * ratio
    return odds / (1 + odds)


def _inverse(ratio: float) -> float:
    return math.inf if ratio == 0 else 1 / ratio


def _times(ratio: float) -> str:
    """Two significant digits; no end where none was found."""
    return "∞" if math.isinf(ratio) else f"{ratio:.1f}" if ratio < 10 else f"{ratio:.0f}"


def _count(number: float) -> str:
    """Of a hundred: whole, or with one decimal where little would else be nothing."""
    return f"{number:.0f}" if number >= 10 or number == 0 else f"{number:.1f}"

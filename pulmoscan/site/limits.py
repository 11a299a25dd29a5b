"""Limits that a user states before any figure is known, and whether the figures meet them.

A limit is met where the data show it, not where an estimate happens to lie on its right side: of sensitivity and
specificity the exact one-sided 95 % bound must meet it, of the others that end of the 95 % interval which could speak
against it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pulmoscan.errors import InvalidLimit
from pulmoscan.statistics.exact import cases_needed, upper_bound
from pulmoscan.statistics.metrics import Estimate

AT_LEAST = ("sensitivity", "specificity", "auc", "ppv", "npv")
AT_MOST = ("calibration error", "refused", "failed")
FORM = re.compile(r"\s*([a-z_ ]+?)\s*(>=|<=|≥|≤)\s*([0-9.]+)\s*(%?)\s*")
EXACT = ("sensitivity", "specificity")
State = Literal["met", "not shown", "missed"]


@dataclass(frozen=True)
class Limit:
    """Attributes:
    name: of a figure, one of `AT_LEAST` or `AT_MOST`.
    value: in [0, 1].
    """

    name: str
    value: float

    @property
    def at_least(self) -> bool:
        return self.name in AT_LEAST

    @property
    def form(self) -> str:
        """As `parse` takes it."""
        value = f"{self.value:.9f}".rstrip("0").rstrip(".")
        return f"{self.name.replace(' ', '_')}{'>=' if self.at_least else '<='}{value}"

    def __str__(self) -> str:
        value = f"{self.value:.3f}" if self.name in ("auc", "calibration error") else f"{100 * self.value:g} %"
        name = "AUC" if self.name == "auc" else self.name.capitalize()
        return f"{name} {'at least' if self.at_least else 'at most'} {value}"


@dataclass(frozen=True)
class Verdict:
    """A limit and what the data say to it.

    Attributes:
        bound: what was compared with the limit.
        needed: so many cases of the class, with errors as frequent as here, would show it; 0 where that is no remedy.
    """

    limit: Limit
    figure: Estimate
    bound: float
    state: State
    needed: int = 0

    @property
    def sentence(self) -> str:
        """In words."""
        if self.figure.n == 0:
            return f"{self.limit}: not shown, nothing was measured."
        said = {
            "met": "met",
            "not shown": "not shown: the estimate meets it, but so few cases leave it open",
            "missed": "missed",
        }[self.state]
        more = f" About {self.needed:,} cases in place of {self.figure.n:,} would show it." if self.needed else ""
        return (
            f"{self.limit}: {said} ({self.figure.estimate:.3f}, bound {self.bound:.3f}, n = {self.figure.n:,}).{more}"
        )


def parse(text: str) -> Limit:
    """“sensitivity>=95%”.

    Raises:
        InvalidLimit: it is none.
    """
    found = FORM.fullmatch(text.lower())
    name = found.group(1).replace("_", " ") if found else ""
    right = (AT_LEAST, (">=", "≥")), (AT_MOST, ("<=", "≤"))
    if not found or not any(name in names and found.group(2) in signs for names, signs in right):
        raise InvalidLimit(
            text, ", ".join((*(f"{n}>=…" for n in AT_LEAST), *(f"{n.replace(' ', '_')}<=…" for n in AT_MOST)))
        )
    try:
        value = float(found.group(3)) / (100 if found.group(4) else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise InvalidLimit(text, "a share from 0 to 1, or 0 to 100 %")
    return Limit(name, value)


def judge(limits: Sequence[Limit], figures: Mapping[str, Estimate]) -> list[Verdict]:
    """A verdict for each limit.

    Args:
        figures: by the limits' names; what is missing was not measured.
    """
    nothing = Estimate(float("nan"), float("nan"), float("nan"), 0)
    return [_judge(limit, figures.get(limit.name, nothing)) for limit in limits]


def _judge(limit: Limit, figure: Estimate) -> Verdict:
    if figure.n == 0:
        return Verdict(limit, figure, float("nan"), "not shown")
    if limit.name in EXACT:
        errors = round((1 - figure.estimate) * figure.n)
        bound = 1 - upper_bound(errors, figure.n)
    else:
        bound = figure.low if limit.at_least else figure.high
    sign = 1 if limit.at_least else -1
    if sign * (bound - limit.value) >= -1e-12:
        return Verdict(limit, figure, bound, "met")
    if sign * (figure.estimate - limit.value) < -1e-12:
        return Verdict(limit, figure, bound, "missed")
    return Verdict(limit, figure, bound, "not shown", _needed(limit, figure))


def _needed(limit: Limit, figure: Estimate) -> int:
    """Cases of the class that would show an exact limit, were errors as frequent among them as here."""
    if limit.name not in EXACT or figure.estimate <= limit.value or limit.value >= 1:
        return 0
    rate, n = 1 - figure.estimate, figure.n
    for _ in range(60):  # the errors grow with the cases
        more = cases_needed(1 - limit.value, round(rate * n))
        if more <= n:
            return n
        n = more
    return 0

"""Three ways instead of two, with a promise: rule out, a reader decides, rule in.

Who states a tolerated miss rate and a confidence gets the largest rule-out region that meets it: below the (k + 1)-th
lowest score of n pneumonias, where k is the most misses that the exact binomial bound allows. k depends on n alone, so
the region may be chosen on the same cases: whatever the scores' distribution, the share of future pneumonias below
that order statistic exceeds the tolerated rate with a probability of at most 1 − confidence (Wilks 1941, doi
10.1214/aoms/1177731788; as conformal risk control with a bound of high probability, Bates et al. 2021, doi
10.1145/3478535). The rule-in region is the same for false alarms among those without pneumonia.

What it takes for granted: the cases are independent, and future ones come as these did. Several radiographs of a
patient are not independent, so `of_patients` has each patient counted once, at the worst score.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pulmoscan.errors import InvalidPromise
from pulmoscan.statistics.exact import cases_needed, errors_allowed
from pulmoscan.statistics.metrics import Scores

TriageCall = Literal["rule out", "uncertain", "rule in"]
CALLS: tuple[TriageCall, ...] = ("rule out", "uncertain", "rule in")
STEP = 1e-6
"""Cards hold scores to this; bounds keep one step away from the score that they rest on, on the safe side."""


@dataclass(frozen=True)
class Promise:
    """What a triage must hold.

    Attributes:
        miss_rate: tolerated share of the pneumonias that are ruled out.
        false_alarm_rate: tolerated share of the others that are ruled in.
        confidence: that each of the two holds for the cases to come.

    Raises:
        InvalidPromise: one of them does not lie between 0 and 1.
    """

    miss_rate: float = 0.02
    false_alarm_rate: float = 0.05
    confidence: float = 0.95

    def __post_init__(self) -> None:
        for name, value in (("miss rate", self.miss_rate), ("false alarm rate", self.false_alarm_rate)):
            if not 0 < value < 1:
                raise InvalidPromise(name, value)
        if not 0.5 <= self.confidence < 1:
            raise InvalidPromise("confidence", self.confidence)


@dataclass(frozen=True)
class Side:
    """One of the two regions.

    Attributes:
        threshold: where it begins, in [0, 1]; None where there is none.
        n: independent cases that it was chosen on.
        errors: how many of them lie in it.
        needed: how many more cases it would take; 0 where there are enough.
    """

    threshold: float | None
    n: int
    errors: int = 0
    needed: int = 0

    def why_not(self, of: str) -> str:
        """Why there is no region, in a sentence; empty where there is one."""
        if self.threshold is not None:
            return ""
        if self.needed:
            return f"Too few {of} to promise this: {self.n} are there, {self.needed} more are needed."
        return f"No region can be promised: too many {of} score at the very end of the scale."


@dataclass(frozen=True)
class Triage:
    """The two regions; below `rule_out` is ruled out, at or above `rule_in` ruled in, between them a reader decides."""

    promise: Promise
    rule_out: Side
    rule_in: Side

    def call(self, probability: float) -> TriageCall:
        """What the triage says of a radiograph."""
        if self.rule_out.threshold is not None and probability < self.rule_out.threshold:
            return "rule out"
        if self.rule_in.threshold is not None and probability >= self.rule_in.threshold:
            return "rule in"
        return "uncertain"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why a region is missing, a sentence each."""
        return tuple(filter(None, (self.rule_out.why_not("pneumonias"), self.rule_in.why_not("negatives"))))


@dataclass(frozen=True)
class TriageCounts:
    """How many of each class a triage puts where."""

    pneumonia: dict[TriageCall, int]
    normal: dict[TriageCall, int]

    @property
    def n(self) -> int:
        return sum(self.pneumonia.values()) + sum(self.normal.values())

    def share(self, call: TriageCall) -> float:
        """Of all cases, in [0, 1]; NaN without cases."""
        return (self.pneumonia[call] + self.normal[call]) / self.n if self.n else math.nan


def choose(pneumonia: Iterable[float], normal: Iterable[float], promise: Promise) -> Triage:
    """The largest regions that meet the promise, from the scores of independent cases of either class."""
    rule_out = _side(np.sort(np.fromiter(pneumonia, float)), promise.miss_rate, promise.confidence)
    turned = _side(np.sort(1 - np.fromiter(normal, float)), promise.false_alarm_rate, promise.confidence)
    top = None if turned.threshold is None else round(1 - turned.threshold, 6)
    # Where the regions overlap, the smaller rule-in region keeps its promise as well.
    if top is not None and rule_out.threshold is not None:
        top = max(top, rule_out.threshold)
    return Triage(promise, rule_out, replace(turned, threshold=top))


def _side(ordered: NDArray[np.float64], rate: float, confidence: float) -> Side:
    n = len(ordered)
    allowed = errors_allowed(n, rate, confidence)
    if allowed is None:
        return Side(None, n, needed=cases_needed(rate, 0, confidence) - n)
    threshold = math.floor(ordered[allowed] / STEP + 1e-3) * STEP - STEP
    if threshold <= 0:
        return Side(None, n)
    return Side(round(threshold, 6), n, int(np.searchsorted(ordered, threshold, "left")))


def narrower(triages: Sequence[Triage]) -> Triage:
    """For a patient of whom it is not known whose bounds apply: the regions that lie in all of them."""
    outs, ins = [t.rule_out for t in triages], [t.rule_in for t in triages]
    rule_out = next((s for s in outs if s.threshold is None), None) or min(outs, key=lambda s: s.threshold or 0.0)
    rule_in = next((s for s in ins if s.threshold is None), None) or max(ins, key=lambda s: s.threshold or 0.0)
    return Triage(triages[0].promise, rule_out, rule_in)


def of_patients(
    scores: NDArray[np.float64], patients: Sequence[str], worst: Literal["lowest", "highest"]
) -> NDArray[np.float64]:
    """One score for each patient, the worst: the lowest of pneumonias, which would be missed first, else the highest.

    An empty name is a patient of its own.
    """
    pick = min if worst == "lowest" else max
    found: dict[str, float] = {}
    for number, (score, patient) in enumerate(zip(scores.tolist(), patients, strict=True)):
        key = patient or f"\0{number}"
        found[key] = pick(score, found.get(key, score))
    return np.array(list(found.values()), dtype=np.float64)


def counts(triage: Triage, scores: Scores) -> TriageCounts:
    """Where a triage puts the cases of a labelled set."""
    return TriageCounts(_tally(triage, scores.pneumonia), _tally(triage, scores.normal))


def _tally(triage: Triage, values: NDArray[np.float64]) -> dict[TriageCall, int]:
    low = 0.0 if triage.rule_out.threshold is None else triage.rule_out.threshold
    high = math.inf if triage.rule_in.threshold is None else triage.rule_in.threshold
    out, inside = int((values < low).sum()), int((values >= high).sum())
    return {"rule out": out, "uncertain": len(values) - out - inside, "rule in": inside}

"""Does the promise hold? Triage chosen again and again on drawn cases, and tried on all whom they were drawn from.

Scores of a validation split stand for a hospital's patients. Each round draws a labelled set from them, chooses the
regions, and looks up what share of all pneumonias would be ruled out: the true miss rate, known here alone. The
promise is kept where that exceeds the tolerated rate in no more rounds than 1 − confidence. Then pneumonias come that
score lower than the ones the set was drawn from: the promise no longer holds, and the check on the scores must say so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from pulmoscan.statistics.metrics import Estimate, Scores, proportion
from pulmoscan.statistics.shift import compare
from pulmoscan.statistics.triage import Promise, choose

EDGE = 1e-6


@dataclass(frozen=True)
class Simulated:
    """One row of the table.

    Attributes:
        shift: how far the logits of new pneumonias lie below those of the labelled set.
        broken_misses, broken_alarms: share of the rounds in which the true rate exceeds the tolerated one.
        ruled_out: mean share of new normals that are ruled out, in [0, 1].
        noticed: share of the rounds in which as many new cases, unlabelled, raise the alarm of `shift`.
    """

    positives: int
    negatives: int
    shift: float
    broken_misses: Estimate
    broken_alarms: Estimate
    ruled_out: float
    noticed: Estimate


def simulate(
    patients: Scores, promise: Promise, positives: int, negatives: int, shift: float = 0.0, rounds: int = 1000
) -> Simulated:
    """So many rounds with labelled sets of so many cases of either class; the same on every machine."""
    rng = np.random.default_rng(7)
    shifted = np.asarray(expit(_logits(patients.pneumonia) - shift), dtype=np.float64)
    misses = alarms = noticed = 0
    ruled_out = 0.0
    for _ in range(rounds):
        ill, well = rng.choice(patients.pneumonia, positives), rng.choice(patients.normal, negatives)
        triage = choose(ill, well, promise)
        low, high = triage.rule_out.threshold, triage.rule_in.threshold
        misses += low is not None and float((shifted < low).mean()) > promise.miss_rate
        alarms += high is not None and float((patients.normal >= high).mean()) > promise.false_alarm_rate
        ruled_out += 0.0 if low is None else float((patients.normal < low).mean())
        new = np.r_[rng.choice(shifted, positives), rng.choice(patients.normal, negatives)]
        noticed += compare(np.r_[ill, well], new).alarm  # of which nobody knows who is ill
    return Simulated(
        positives,
        negatives,
        shift,
        proportion(misses, rounds),
        proportion(alarms, rounds),
        ruled_out / rounds,
        proportion(noticed, rounds),
    )


def _logits(p: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(logit(np.clip(p, EDGE, 1 - EDGE)), dtype=np.float64)

"""Two runs over the same labelled files: another model, or another version of the weights, precision or program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pulmoscan.errors import NothingInCommon
from pulmoscan.site.cases import Case, Run
from pulmoscan.statistics.comparison import AucComparison, McNemar, compare_auc, mcnemar


@dataclass(frozen=True)
class Parity:
    """The new run against an earlier one, on the cases that both screened.

    Attributes:
        before, now: what the two were made with.
        changed: names of what differs between them.
        auc: DeLong's paired test, now less before.
        missed, false_alarms: McNemar's test among pneumonias and among the others; `first` is before, `second` now.
        flips: files whose decision changed: those that are called pneumonia now, and those that no longer are.
    """

    before: Run
    now: Run
    changed: tuple[str, ...]
    n: int
    auc: AucComparison
    missed: McNemar
    false_alarms: McNemar
    flips: tuple[tuple[str, ...], tuple[str, ...]]


def compare(before: Run, earlier: Sequence[Case], now: Run, cases: Sequence[Case]) -> Parity:
    """Raises:
    NothingInCommon: the two share no files.
    """
    known = {case.file: case for case in earlier if case.status == "ok" and not case.duplicate_of}
    pairs = [
        (known[case.file], case)
        for case in cases
        if case.status == "ok" and case.file in known and known[case.file].label == case.label
    ]
    if not pairs:
        raise NothingInCommon
    labels = np.array([b.label for _, b in pairs], dtype=bool)
    first, second = (np.array([case.called for case in side]) for side in zip(*pairs, strict=True))
    before_scores, now_scores = (np.array([case.score for case in side]) for side in zip(*pairs, strict=True))
    right_before, right_now = first == labels, second == labels
    return Parity(
        before=before,
        now=now,
        changed=tuple(
            name for name in Run.model_fields if name != "labels_sha256" and getattr(before, name) != getattr(now, name)
        ),
        n=len(pairs),
        auc=compare_auc(labels, before_scores, now_scores),
        missed=mcnemar(right_before[labels], right_now[labels]),
        false_alarms=mcnemar(right_before[~labels], right_now[~labels]),
        flips=(
            tuple(b.file for a, b in pairs if b.called and not a.called),
            tuple(b.file for a, b in pairs if a.called and not b.called),
        ),
    )

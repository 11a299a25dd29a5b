"""Two runs over the same labelled files: another model, or another version of the weights, precision or program."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pulmoscan.errors import NothingInCommon
from pulmoscan.site.cases import Case, Run, common_folder
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

    @property
    def sides(self) -> tuple[str, str]:
        """What the two are called: the models where they differ."""
        return (self.before.model, self.now.model) if self.before.model != self.now.model else ("before", "now")


def compare(before: Run, earlier: Sequence[Case], now: Run, cases: Sequence[Case]) -> Parity:
    """Files are the same by their names, else by their names in the folder that each run's files lie in.

    Raises:
        NothingInCommon: the two share no files.
    """
    pairs = _pairs(earlier, cases, "", "") or _pairs(
        earlier, cases, common_folder(case.file for case in earlier), common_folder(case.file for case in cases)
    )
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
            name
            for name in Run.__struct_fields__
            if name != "labels_sha256" and getattr(before, name) != getattr(now, name)
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


def check_in_common(earlier: Sequence[Case], files: Sequence[str]) -> None:
    """That an earlier run and the files to be read can be compared, before they are read.

    Raises:
        NothingInCommon: they cannot.
    """
    before = {case.file for case in earlier}
    known, wanted = _names(before, common_folder(before)), _names(files, common_folder(files))
    if before.isdisjoint(files) and known.isdisjoint(wanted):
        raise NothingInCommon


def _names(files: Iterable[str], folder: str) -> set[str]:
    return {file.removeprefix(folder) for file in files}


def _pairs(earlier: Sequence[Case], cases: Sequence[Case], folder: str, other: str) -> list[tuple[Case, Case]]:
    """Cases of both runs that are of one file with one label, each name without its folder."""
    known = {case.file.removeprefix(folder): case for case in earlier if case.status == "ok" and not case.duplicate_of}
    found = [(known.get(case.file.removeprefix(other)), case) for case in cases if case.status == "ok"]
    return [(a, b) for a, b in found if a is not None and a.label == b.label]

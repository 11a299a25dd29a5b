"""Readers and their calls: a blind sample, agreement, adjudication; and what a second reader adds to the first.

Nothing here shows or knows a score until a reader has called. All of it stays in the session's memory; who wants it
kept asks for a file.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from pulmoscan.errors import NoStudy
from pulmoscan.export.tables import escape_formula
from pulmoscan.reading.records import Record, from_json, to_json
from pulmoscan.statistics.agreement import cohens_kappa
from pulmoscan.statistics.comparison import McNemar, mcnemar
from pulmoscan.statistics.metrics import Estimate, proportion

Call = int
"""1 pneumonia, 0 none."""


def draw(strata: Sequence[str], size: int, seed: int) -> list[int]:
    """Positions of a random sample without repetition, in random order.

    Args:
        strata: of each radiograph; where they differ, as many are drawn of each as there are.
    """
    rng = np.random.default_rng(seed)
    names = sorted(set(strata))
    left = {name: rng.permutation([n for n, own in enumerate(strata) if own == name]).tolist() for name in names}
    drawn: list[int] = []
    while len(drawn) < size and any(left.values()):
        for name in names:
            if left[name] and len(drawn) < size:
                drawn.append(int(left[name].pop()))
    return [drawn[n] for n in rng.permutation(len(drawn))]


class SavedStudy(Record, frozen=True):
    """A study as a file; pairs of position and call in the order in which they were given."""

    files: tuple[str, ...]
    seed: int
    calls: dict[str, tuple[tuple[int, Call], ...]]
    adjudicated: tuple[tuple[int, Call], ...]
    left_out: tuple[int, ...]


@dataclass(eq=False)
class Study:
    """A sample that readers label without knowing scores, names or each other.

    Attributes:
        files: of the sample.
        calls: of each reader, by the position of the file.
        adjudicated: what was agreed on, by position, where readers had differed.
        left_out: positions of what could not be shown, for all readers.
    """

    files: Sequence[str]
    seed: int
    calls: dict[str, dict[int, Call]] = field(default_factory=dict)
    adjudicated: dict[int, Call] = field(default_factory=dict)
    left_out: set[int] = field(default_factory=set)

    def known(self, name: str) -> str | None:
        """The reader of that name, however it is spelt; None where there is none yet."""
        wanted = _spelling(name)
        return next((reader for reader in self.calls if _spelling(reader) == wanted), None)

    def left(self, reader: str) -> int:
        """How many a reader has still to call."""
        return len(self.files) - len(self.left_out | set(self.calls.get(reader, {})))

    def leave_out(self, position: int) -> None:
        """What cannot be shown gets no label; calls of it no longer count."""
        self.left_out.add(position)
        for own in (*self.calls.values(), self.adjudicated):
            own.pop(position, None)

    def order(self, reader: str) -> list[int]:
        """A reader's own order through the sample: no two readers tire at the same radiograph."""
        number = sum(ord(c) * (n + 1) for n, c in enumerate(reader))
        return [int(n) for n in np.random.default_rng([self.seed, number]).permutation(len(self.files))]

    def next(self, reader: str) -> int | None:
        """The position of the radiograph that a reader has to call next; None where all are called."""
        done = self.calls.get(reader, {})
        return next((n for n in self.order(reader) if n not in done and n not in self.left_out), None)

    def give(self, reader: str, position: int, call: Call) -> None:
        self.calls.setdefault(reader, {})[position] = call

    def take_back(self, reader: str) -> None:
        """Forget a reader's last call."""
        if own := self.calls.get(reader):
            own.popitem()

    @property
    def kappas(self) -> list[tuple[str, str, Estimate]]:
        """Cohen's kappa of each two readers, on what both have called."""
        found = []
        for first, second in combinations(sorted(self.calls), 2):
            a, b = self.calls[first], self.calls[second]
            both = sorted(set(a) & set(b))
            found.append((first, second, cohens_kappa([a[n] for n in both], [b[n] for n in both])))
        return found

    @property
    def disagreements(self) -> list[int]:
        """Positions on which readers differ."""
        return [n for n in range(len(self.files)) if len({own[n] for own in self.calls.values() if n in own}) > 1]

    @property
    def open(self) -> list[int]:
        """Disagreements that nobody has settled."""
        return [n for n in self.disagreements if n not in self.adjudicated]

    @property
    def labels(self) -> dict[int, Call]:
        """The reference: what all who called agree on, or what was settled."""
        found = {}
        for n in range(len(self.files)):
            given = {own[n] for own in self.calls.values() if n in own}
            if len(given) == 1:
                found[n] = given.pop()
            elif given and n in self.adjudicated:
                found[n] = self.adjudicated[n]
        return found

    def saved(self) -> bytes:
        """All of it, for `read_study`: it is gone on with another day."""
        content = SavedStudy(
            files=tuple(self.files),
            seed=self.seed,
            calls={reader: tuple(own.items()) for reader, own in self.calls.items()},
            adjudicated=tuple(self.adjudicated.items()),
            left_out=tuple(sorted(self.left_out)),
        )
        return to_json(content, indent=1)

    def table(self) -> str:
        """Labels as the CSV that `accept` takes, each reader's calls beside."""
        readers = sorted(self.calls)
        rows = ((self.files[n], call, *(self.calls[r].get(n, "") for r in readers)) for n, call in self.labels.items())
        return _csv(("file", "label", *(f"reader {r}" for r in readers)), rows)


def read_study(data: bytes) -> Study:
    """What `Study.saved` wrote.

    Raises:
        NoStudy: it is none.
    """
    try:
        saved = from_json(data, SavedStudy)
    except ValueError as error:
        raise NoStudy from error
    own = (saved.adjudicated, *saved.calls.values())
    if any(not 0 <= n < len(saved.files) or call not in (0, 1) for pairs in own for n, call in pairs):
        raise NoStudy
    calls = {reader: dict(pairs) for reader, pairs in saved.calls.items()}
    return Study(saved.files, saved.seed, calls, dict(saved.adjudicated), set(saved.left_out))


def _spelling(name: str) -> str:
    """Names that differ only in this are one person's, or would be taken for it."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


@dataclass(frozen=True)
class Pair:
    """One radiograph read by a person first and with the model's answer then.

    Attributes:
        first: the reader's call before the model's was known.
        model: the model's decision; probability and threshold beside.
        final: the reader's call after it.
        seconds: that the two calls took.
    """

    file: str
    reader: str
    first: Call
    model: Call
    probability: float
    threshold: float
    final: Call
    seconds: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Side:
    """How one way of reading does on the labelled radiographs."""

    name: str
    sensitivity: Estimate
    specificity: Estimate


@dataclass(frozen=True)
class Gain:
    """What the pair gains and costs.

    Attributes:
        sides: the reader alone, the model alone, the pair.
        found, lost: pneumonias that only the pair, and only the reader alone, called.
        alarms, cleared: others that only the pair, and only the reader alone, called pneumonia.
        ill, well: McNemar's test, the reader alone (first) against the pair (second), in either class.
    """

    sides: tuple[Side, Side, Side]
    found: int
    lost: int
    alarms: int
    cleared: int
    ill: McNemar
    well: McNemar
    n: int


def gain(pairs: Sequence[Pair], labels: Mapping[str, Call]) -> Gain | None:
    """On the pairs whose file has a label; None where none has."""
    known = [(pair, labels[pair.file]) for pair in pairs if pair.file in labels]
    if not known:
        return None
    ill, well = ([pair for pair, label in known if label == wanted] for wanted in (1, 0))
    ways = (("Reader alone", "first"), ("Model alone", "model"), ("Reader with the model", "final"))
    sides = [Side(name, _share(ill, of, 1), _share(well, of, 0)) for name, of in ways]
    return Gain(
        sides=(sides[0], sides[1], sides[2]),
        found=sum(p.final > p.first for p in ill),
        lost=sum(p.final < p.first for p in ill),
        alarms=sum(p.final > p.first for p in well),
        cleared=sum(p.final < p.first for p in well),
        ill=mcnemar([p.first == 1 for p in ill], [p.final == 1 for p in ill]),
        well=mcnemar([p.first == 0 for p in well], [p.final == 0 for p in well]),
        n=len(known),
    )


def pairs_table(pairs: Sequence[Pair]) -> str:
    """The log as CSV."""
    heading = (
        "file",
        "reader",
        "first",
        "model",
        "probability",
        "threshold",
        "final",
        "seconds_first",
        "seconds_final",
    )
    rows = (
        (
            p.file,
            p.reader,
            p.first,
            p.model,
            round(p.probability, 6),
            p.threshold,
            p.final,
            *(round(s, 1) for s in p.seconds),
        )
        for p in pairs
    )
    return _csv(heading, rows)


def _share(pairs: Sequence[Pair], of: str, right: Call) -> Estimate:
    return proportion(sum(getattr(pair, of) == right for pair in pairs), len(pairs))


def _csv(heading: Sequence[str], rows: Iterator[tuple[object, ...]] | Sequence[tuple[object, ...]]) -> str:
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow([escape_formula(cell) for cell in heading])
    table.writerows([escape_formula(cell) for cell in row] for row in rows)
    return stream.getvalue()

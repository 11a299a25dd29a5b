"""What a session tests: one model, or two on the same cases; stopped and gone on with as often as wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import streamlit as st

from pulmoscan.batch.jobs import Job
from pulmoscan.batch.outcomes import Outcome
from pulmoscan.batch.pseudonyms import Pseudonyms
from pulmoscan.population import PopulationChoice
from pulmoscan.reading.intake import Item
from pulmoscan.screening import Model
from pulmoscan.site.acceptance import Acceptance, Asked, accept
from pulmoscan.site.cases import Case, Run, read_cases, run_of
from pulmoscan.site.labels import Fault, Label
from pulmoscan.site.parity import Parity, compare

Pairs = list[tuple[Label, Item]]
Earlier = tuple[Run, list[Case]]


@dataclass(eq=False)
class Pass:
    """One model's way through the labelled radiographs.

    Attributes:
        cases: what is done, by file.
        outcomes: what a batch found before, by file.
    """

    model: Model
    cases: dict[str, Case] = field(default_factory=dict)
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)


@dataclass(eq=False)
class AcceptanceTest:
    """What the session tests.

    Attributes:
        labels: the bytes of the table.
        passes: the tested model's, then that of the model that it is compared with, if any.
        earlier: the run that it is compared with otherwise; of the same run its cases are taken over.
        job: goes through what is not done yet; gives the number of the pass with each case.
        done: the report, once everything is done.
    """

    asked: Asked
    population: PopulationChoice
    labels: bytes
    pairs: Pairs
    faults: list[Fault]
    unlabelled: int
    passes: list[Pass]
    names: Pseudonyms
    earlier: Earlier | None = None
    job: Job[tuple[int, Case]] | None = None
    done: Acceptance | None = None

    def __post_init__(self) -> None:
        if self.earlier and self.earlier[0] == self.run(self.passes[0]):
            wanted = {item.name: label for label, item in self.pairs}
            self.passes[0].cases |= {case.file: case for case in self.earlier[1] if case.file in wanted}
            self.earlier = None

    def run(self, of: Pass) -> Run:
        """What a pass is made with."""
        return run_of(of.model, self.population, self.labels)

    @property
    def running(self) -> bool:
        return self.job is not None and self.job.running

    @property
    def total(self) -> int:
        """Radiographs that are to be read, once for each model."""
        return len(self.pairs) * len(self.passes)

    @property
    def left(self) -> int:
        self._collect()
        return self.total - sum(len(part.cases) for part in self.passes)

    @property
    def cases(self) -> list[Case]:
        """Of the tested model, in the table's order."""
        self._collect()
        found = self.passes[0].cases
        return [found[item.name] for _, item in self.pairs if item.name in found]

    def start(self) -> None:
        """Read what is not done yet; nothing where that is being done, so that a second click changes nothing."""
        if self.running or not self.left:
            return
        # And not self, which would keep the job alive.
        pairs, population, names = self.pairs, self.population, self.names
        passes = [(part.model, dict(part.cases), part.outcomes) for part in self.passes]

        def work() -> Iterator[tuple[int, Case]]:
            for number, (model, done, outcomes) in enumerate(passes):
                for case in read_cases(pairs, model, population, names, done, outcomes=outcomes):
                    if case.file not in done:
                        yield number, case

        self.job = Job(work, self.left)

    def finish(self) -> Acceptance:
        """The report, made once; only when nothing is left, since a part of the cases proves nothing."""
        if self.done is None:
            tested = self.passes[0]
            self.done = accept(
                self.run(tested),
                tested.model.spec.title,
                tested.model.card,
                self.cases,
                self.asked,
                self.faults,
                self.unlabelled,
                self._parity(),
            )
        return self.done

    def _parity(self) -> Parity | None:
        before = self.earlier
        if len(self.passes) > 1:
            before = self.run(self.passes[1]), list(self.passes[1].cases.values())
        return compare(*before, self.run(self.passes[0]), self.cases) if before else None

    def _collect(self) -> None:
        for number, case in self.job.results if self.job else []:
            self.passes[number].cases[case.file] = case


def current() -> AcceptanceTest | None:
    """The session's test, if any."""
    return st.session_state.get("acceptance")


def clear() -> None:
    """Stop it and forget it."""
    if (test := current()) and test.job:
        test.job.cancel()
    st.session_state.acceptance = None

"""Labelled files -> `Case`s: what a model made of each, and a journal of them that a run can go on from.

The journal lies on this machine alone. It holds file names, as the table of labels does, and never a pixel; patients
are held under neutral names (see `batch.pseudonyms`).
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from pulmoscan import __version__
from pulmoscan.batch.outcomes import Outcome, Status, screen_items
from pulmoscan.batch.pseudonyms import Pseudonyms
from pulmoscan.errors import AnotherRun, NoJournal
from pulmoscan.examination.examine import lung_weights
from pulmoscan.population import PopulationChoice, of_patient
from pulmoscan.reading.intake import Item
from pulmoscan.reading.records import Record, from_json, to_json, write_whole
from pulmoscan.screening import Model, Reading, decide
from pulmoscan.site.labels import Box, Label

GRID = 224
"""Side of the heatmap, in pixels, that is laid against boxes."""


class Case(Record, frozen=True, omit_defaults=True):
    """A labelled file and what became of it.

    Attributes:
        threshold: the operating point that applied.
        in_boxes: share of the heat inside the boxes, in [0, 1]; None without boxes or heat.
        radiograph: `Radiograph.key`, the same for the same bytes.
        duplicate_of: the labelled file of the same bytes that came before.
    """

    row: int
    file: str
    label: int
    status: Status
    reason: str = ""
    probability: float | None = None
    threshold: float | None = None
    population: Literal["child", "adult", "unknown"] = "unknown"
    patient: str = ""
    age: float | None = None
    sex: str = ""
    view: str = ""
    manufacturer: str = ""
    lung_attention: float | None = None
    in_boxes: float | None = None
    milliseconds: float | None = None
    warnings: int = 0
    radiograph: str = ""
    duplicate_of: str = ""

    @property
    def score(self) -> float:
        """The probability of a screened case; NaN of others."""
        return math.nan if self.probability is None else self.probability

    @property
    def called(self) -> bool:
        """Whether it was called pneumonia."""
        return self.threshold is not None and self.score >= self.threshold


class Run(Record, frozen=True):
    """What a journal's cases were made with; all of it must be the same to go on."""

    model: str
    weights_sha256: str
    lungs_sha256: str
    precision: str
    population: PopulationChoice
    labels_sha256: str
    version: str
    site: str = ""


@dataclass(frozen=True, eq=False)
class Journal:
    """Cases as they are done, one JSON object a line below one that says what they were made with."""

    path: Path
    run: Run

    def begin(self) -> dict[str, Case]:
        """The cases of an earlier run that was cut short, by file; writes the heading of a new one.

        Raises:
            AnotherRun: it holds the cases of another run.
            NoJournal: it is none.
        """
        if not self.path.exists() or b"\n" not in self.path.read_bytes():  # a heading that was cut short is none
            write_whole(self.path, to_json(self.run), b"\n")
            return {}
        run, cases = read_journal(self.path)
        if run != self.run:
            changed = [name for name in Run.__struct_fields__ if getattr(run, name) != getattr(self.run, name)]
            raise AnotherRun(self.path, ", ".join(changed))
        with self.path.open("rb+") as file:  # a line that was cut short goes
            data = file.read()
            file.truncate(data.rfind(b"\n") + 1)
        return {case.file: case for case in cases}

    def add(self, case: Case) -> None:
        """Down to the disk."""
        with self.path.open("ab") as file:
            file.write(to_json(case) + b"\n")
            file.flush()
            os.fsync(file.fileno())


def read_journal(path: Path) -> tuple[Run, list[Case]]:
    """What it was made with, and its whole lines.

    Raises:
        NoJournal: it is none.
    """
    try:
        return parse_journal(path.read_bytes(), path)
    except OSError as error:
        raise NoJournal(path) from error


def parse_journal(data: bytes, name: object) -> tuple[Run, list[Case]]:
    """A journal's content; as `read_journal`.

    Raises:
        NoJournal: it is none.
    """
    try:
        first, *lines = data[: data.rfind(b"\n")].split(b"\n")  # what follows was cut short, maybe within a letter
        return from_json(first, Run), [from_json(line, Case) for line in lines]
    except ValueError as error:
        raise NoJournal(name) from error


def write_journal(run: Run, cases: Iterable[Case]) -> bytes:
    """The whole of one, for `parse_journal`."""
    return b"".join(to_json(record) + b"\n" for record in (run, *cases))


def run_of(model: Model, population: PopulationChoice, labels: bytes) -> Run:
    """What a run with this model and table is made with."""
    return Run(
        model=model.spec.name,
        weights_sha256=model.card.weights_sha256,
        lungs_sha256=lung_weights(),
        precision=model.settings.precision,
        population=population,
        labels_sha256=hashlib.sha256(labels).hexdigest(),
        version=__version__,
        site=model.site.label if model.site else "",
    )


def read_cases(
    pairs: Sequence[tuple[Label, Item]],
    model: Model,
    population: PopulationChoice,
    names: Pseudonyms,
    done: Mapping[str, Case] | None = None,
    journal: Journal | None = None,
    outcomes: Mapping[str, Outcome] | None = None,
) -> Iterator[Case]:
    """A case for each pair, in their order; those that are done already first of all.

    Args:
        done: cases of the same run, by file.
        outcomes: what the model found before, by file; none of it is read again.
    """
    done, outcomes = done or {}, outcomes or {}
    yield from (done[item.name] for _, item in pairs if item.name in done)
    remaining = [(label, item) for label, item in pairs if item.name not in done]
    first = {case.radiograph: case.file for case in done.values() if case.radiograph and not case.duplicate_of}
    screened = screen_items([item for _, item in remaining if item.name not in outcomes], model, population)
    for label, item in remaining:
        outcome = outcomes[item.name] if item.name in outcomes else next(screened)
        case = case_of(label, by_age(outcome, population, label.age), names)
        if case.radiograph and (twin := first.setdefault(case.radiograph, case.file)) != case.file:
            case = structs.replace(case, duplicate_of=twin)
        if journal:
            journal.add(case)
        yield case


def by_age(outcome: Outcome, population: PopulationChoice, age: float | None) -> Outcome:
    """The outcome at the operating point that was asked for, or of the age that the table tells; no model runs."""
    known = of_patient(population, age)
    if known is None or outcome.screening is None:
        return outcome
    return replace(outcome, screening=decide(outcome.screening.reading, known))


def case_of(label: Label, outcome: Outcome, names: Pseudonyms) -> Case:
    """The table's word goes before the header's."""
    screening, radiograph = outcome.screening, outcome.radiograph
    facts = radiograph.dicom.facts if radiograph and radiograph.dicom else None
    patient = label.patient or (facts.identity.patient_id if facts else "")
    case = Case(
        row=label.row,
        file=outcome.file,
        label=label.label,
        status=outcome.status,
        reason=outcome.reason,
        patient=names.of(f"patient {patient}") if patient else "",
        age=label.age
        if label.age is not None
        else (facts.age if facts else screening.reading.age if screening else None),
        sex=label.sex or (facts.sex if facts else ""),
        view=label.view or (facts.view if facts else ""),
        manufacturer=label.manufacturer or (facts.manufacturer if facts else ""),
    )
    if screening is None:
        return case
    reading = screening.reading
    return structs.replace(
        case,
        probability=round(reading.probability, 6),
        threshold=screening.threshold,
        population=screening.population,
        lung_attention=screening.lung_attention,
        in_boxes=inside_boxes(reading, label.boxes),
        milliseconds=round(reading.milliseconds, 1),
        warnings=len(screening.warnings),
        radiograph=reading.radiograph_key,
    )


def inside_boxes(reading: Reading, boxes: Sequence[Box]) -> float | None:
    """Share of the heat inside any of the boxes, in [0, 1]; None without boxes or without heat."""
    if not boxes:
        return None
    heat = reading.heatmap(GRID, GRID)
    total = float(heat.sum())
    return float(heat[mask_of(boxes)].sum()) / total if total > 0 else None


def mask_of(boxes: Sequence[Box]) -> NDArray[np.bool_]:
    """Where the boxes are, [GRID, GRID]."""
    mask = np.zeros((GRID, GRID), dtype=bool)
    for x, y, w, h in boxes:
        mask[round(y * GRID) : round((y + h) * GRID), round(x * GRID) : round((x + w) * GRID)] = True
    return mask


def common_folder(files: Iterable[str]) -> str:
    """What all files' names begin with, up to a folder; empty for one alone."""
    names = set(files)
    common = os.path.commonprefix(list(names))  # noqa: RUF071 - cut at a folder in the next line
    return common[: common.rfind("/") + 1] if len(names) > 1 else ""

"""A table of labels (CSV) -> the labelled files, and every fault of it by its row.

Columns: `file` and `label`; if there are any, `patient`, `age` (years), `sex`, `view`, `manufacturer` and `boxes` (a
JSON list of [x, y, width, height], as fractions of the picture). What a DICOM header says fills what is left empty.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from pulmoscan.errors import LabelTableError, ScoreTableError
from pulmoscan.reading.intake import Item
from pulmoscan.statistics.score_table import LABELS, NAMES, csv_rows

Box = tuple[float, float, float, float]
COLUMNS: Mapping[str, Sequence[str]] = {
    "file": NAMES["id"],
    "label": NAMES["label"],
    "patient": ("patient", "patient_id", "patientid"),
    "age": ("age", "age_years"),
    "sex": ("sex", "gender"),
    "view": ("view", "projection", "view_position"),
    "manufacturer": ("manufacturer", "device", "scanner"),
    "boxes": ("boxes", "boxes_xywh_fraction"),
}
SEXES = {"m": "male", "male": "male", "f": "female", "w": "female", "female": "female", "o": "other", "other": "other"}
OLDEST = 130.0


@dataclass(frozen=True)
class Label:
    """A row of the table.

    Attributes:
        row: its number, the heading being 1.
        label: 1 pneumonia, 0 none.
        boxes: where the finding lies.
    """

    row: int
    file: str
    label: int
    patient: str = ""
    age: float | None = None
    sex: str = ""
    view: str = ""
    manufacturer: str = ""
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True)
class Fault:
    """What is wrong with a row, in a sentence with its mend."""

    row: int
    message: str

    def __str__(self) -> str:
        return f"Row {self.row}: {self.message}"


@dataclass(frozen=True)
class Table:
    """The rows that can be used, and the faults of the others."""

    labels: list[Label]
    faults: list[Fault]


@dataclass(frozen=True)
class Matched:
    """Labels and the files that they are for.

    Attributes:
        faults: of rows whose file is not there, or not only there.
        unlabelled: names of the files that no row names.
    """

    pairs: list[tuple[Label, Item]]
    faults: list[Fault] = field(default_factory=list)
    unlabelled: list[str] = field(default_factory=list)


def read_labels(data: bytes) -> Table:
    """All rows of a table in UTF-8, its columns separated by comma, semicolon or tab.

    Raises:
        LabelTableError: it is no such table; a fault of a row is none of that.
    """
    try:
        names, rows = csv_rows(data)
    except ScoreTableError as error:
        raise LabelTableError(error.why) from error
    if {"status", "threshold", "label"} <= set(names):
        raise LabelTableError(
            "This is what PulmoScan wrote itself: its column “label” is the model's own decision, and a model measured "
            "against itself looks perfect."
        )
    columns = {name: names.index(found) for name in COLUMNS if (found := _heading(name, names)) is not None}
    if missing := [name for name in ("file", "label") if name not in columns]:
        there = ", ".join(name for name in names if name)[:200] or "nothing"
        raise LabelTableError(f"The first row names no column “{missing[0]}”; it holds: {there}.")
    labels, faults = list[Label](), list[Fault]()
    for number, row in rows:
        cells = {name: row[at].strip() if at < len(row) else "" for name, at in columns.items()}
        try:
            labels.append(_label(number, cells))
        except ValueError as error:
            faults.append(Fault(number, str(error)))
    return Table(labels, faults)


def match(labels: Iterable[Label], items: Sequence[Item]) -> Matched:
    """Find each row's file: by its path, or the end of it, or its name with or without ending, where that is unique."""
    places: dict[str, list[int]] = {}
    for number, item in enumerate(items):
        path = PurePosixPath(_key(item.name))
        for name in {path.name, path.stem}:
            places.setdefault(name, []).append(number)
    matched = Matched([])
    taken: dict[int, Label] = {}
    for label in labels:
        wanted = PurePosixPath(_key(label.file)).parts
        found = [n for n in places.get(wanted[-1], []) if _ends(_key(items[n].name), wanted)]
        exact = [n for n in found if PurePosixPath(_key(items[n].name)).name == wanted[-1]] or found
        if not exact:
            message = f"there is no file “{_short(label.file)}”. Mend the name, or take the row out."
        elif len(exact) > 1:
            message = f"“{_short(label.file)}” fits {len(exact)} files. Write it with its folder."
        elif before := taken.get(exact[0]):
            other = "" if before.label == label.label else ", with another label"
            message = f"names the same file as row {before.row}{other}. Take one of them out."
        else:
            taken[exact[0]] = label
            matched.pairs.append((label, items[exact[0]]))
            continue
        matched.faults.append(Fault(label.row, message))
    matched.unlabelled.extend(item.name for number, item in enumerate(items) if number not in taken)
    return matched


def _label(row: int, cells: Mapping[str, str]) -> Label:
    """Raises ValueError with what is wrong."""
    if not cells["file"]:
        raise ValueError("names no file.")
    value = LABELS.get(cells["label"].lower())
    if value is None:
        said = f"“{_short(cells['label'])}”" if cells["label"] else "empty"
        raise ValueError(f"the label is {said}. Write 1 for pneumonia, 0 for none, or take the row out.")
    return Label(
        row=row,
        file=cells["file"],
        label=value,
        patient=cells.get("patient", ""),
        age=_age(cells.get("age", "")),
        sex=_sex(cells.get("sex", "")),
        view=cells.get("view", "").upper()[:20],
        manufacturer=cells.get("manufacturer", "")[:60],
        boxes=_boxes(cells.get("boxes", "")),
    )


def _age(text: str) -> float | None:
    if not text:
        return None
    try:
        age = float(text.replace(",", "."))
    except ValueError:
        age = math.nan
    if not 0 <= age <= OLDEST:
        raise ValueError(f"the age “{_short(text)}” is no number of years.")
    return age


def _sex(text: str) -> str:
    if text and text.lower() not in SEXES:
        raise ValueError(f"the sex “{_short(text)}” is none of M, F and O.")
    return SEXES[text.lower()] if text else ""


def _boxes(text: str) -> tuple[Box, ...]:
    if text in ("", "[]"):
        return ()
    try:
        boxes = tuple((float(x), float(y), float(w), float(h)) for x, y, w, h in json.loads(text))
    except (ValueError, TypeError):
        boxes = ()
    if not boxes or not all(0 <= v <= 1 for box in boxes for v in box) or not all(w * h > 0 for *_, w, h in boxes):
        raise ValueError("the boxes are no list of [x, y, width, height] in fractions of the picture, from 0 to 1.")
    return boxes


def _heading(column: str, names: Sequence[str]) -> str | None:
    return next((name for name in COLUMNS[column] if name in names), None)


def _key(name: str) -> str:
    return name.replace("\\", "/").strip("/").casefold()


def _ends(path: str, wanted: tuple[str, ...]) -> bool:
    """Whether the path ends in these folders; the name itself is known to fit."""
    parts = PurePosixPath(path).parts
    return len(wanted) <= len(parts) and parts[-len(wanted) : -1] == wanted[:-1]


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"

"""A table of one's own scores and labels (CSV) -> `Scores`, for the threshold lab."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence

from pulmoscan.errors import ScoreTableError
from pulmoscan.statistics.metrics import Scores

MAX_BYTES = 20 * 2**20
MAX_ROWS = 200_000

NAMES: Mapping[str, Sequence[str]] = {
    "id": ("id", "file", "filename", "file_name", "name", "image"),
    "score": ("score", "probability", "prob", "p", "prediction"),
    "label": ("label", "truth", "class", "target", "reference", "y"),
}
"""Headings that are taken for each column, the first of them the documented one."""

LABELS: Mapping[str, int] = {
    **dict.fromkeys(("0", "0.0", "normal", "negative", "no", "false"), 0),
    **dict.fromkeys(("1", "1.0", "pneumonia", "positive", "yes", "true"), 1),
}


def read_score_table(data: bytes) -> Scores:
    """Scores from the bytes of a CSV in UTF-8, its columns separated by comma, semicolon or tab.

    Raises:
        ScoreTableError: with the row and what is wrong in it.
    """
    names, rows = csv_rows(data)
    return _scores(rows, names)


def csv_rows(data: bytes) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Headings, in small letters, and the rows that are not empty, with their numbers; the heading is row 1.

    Raises:
        ScoreTableError: it is no table in UTF-8, or too large a one.
    """
    if len(data) > MAX_BYTES:
        raise ScoreTableError(f"The file has more than {MAX_BYTES // 2**20} MB.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ScoreTableError("The file is no text in UTF-8.") from error
    heading = text.split("\n", 1)[0]
    separator = max(",;\t", key=heading.count)
    reader = csv.reader(io.StringIO(text), delimiter=separator)
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        rows = [(number, row) for number, row in enumerate(reader, start=2) if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise ScoreTableError(f"The file is no table that can be read ({error}).") from error
    if len(rows) > MAX_ROWS:
        raise ScoreTableError(f"The table has more than {MAX_ROWS:,} rows.")
    return names, rows


def _scores(rows: Iterable[tuple[int, list[str]]], names: Sequence[str]) -> Scores:
    if {"status", "threshold", "label"} <= set(names):
        raise ScoreTableError(
            "This is what PulmoScan wrote itself: its column “label” is the model's own decision, and a model measured "
            "against itself looks perfect. Put the reference standard into a table of its own."
        )
    columns = {column: _column(column, names) for column in NAMES}
    files: list[str] = []
    probabilities: list[float] = []
    labels: list[int] = []
    for number, row in rows:
        try:
            cells = {column: row[index].strip() for column, index in columns.items()}
        except IndexError:
            raise ScoreTableError(f"Row {number} has too few columns.") from None
        files.append(cells["id"])
        probabilities.append(_probability(cells["score"], number))
        labels.append(_label(cells["label"], number))
    if set(labels) != {0, 1}:
        found = "no rows" if not labels else f"only rows with the label {labels[0]}"
        raise ScoreTableError(f"The table holds {found}; both classes are needed to measure anything.")
    return Scores.of(labels, probabilities, files)


def _column(column: str, names: Sequence[str]) -> int:
    found = next((name for name in NAMES[column] if name in names), None)
    if found is None:
        there = ", ".join(name for name in names if name)[:200] or "nothing"
        raise ScoreTableError(f"The first row names no column “{column}”; it holds: {there}.")
    return names.index(found)


def _probability(text: str, number: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise ScoreTableError(f"Row {number}: the score “{text[:40]}” is no number from 0 to 1.")
    return value


def _label(text: str, number: int) -> int:
    try:
        return LABELS[text.lower()]
    except KeyError:
        raise ScoreTableError(f"Row {number}: the label “{text[:40]}” is neither 0 nor 1.") from None

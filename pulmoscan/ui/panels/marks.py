"""The reader's own marks on the rows of a batch: done, agreed or not, a label and a note."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import streamlit as st

from pulmoscan.batch.outcomes import Outcome
from pulmoscan.export.tables import escape_formula
from pulmoscan.screening import Label
from pulmoscan.statistics.metrics import Scores

Verdict = Literal["done", "agree", "disagree"]
VERDICTS: Mapping[Verdict, str] = {"done": "Done", "agree": "Agree", "disagree": "Disagree"}
LABELS: Mapping[Label, str] = {"normal": "Normal", "pneumonia": "Pneumonia"}


@dataclass(frozen=True)
class Mark:
    """What the reader says of one row.

    Attributes:
        label: what he reads it as; also a reference for the threshold lab.
    """

    verdict: Verdict | None = None
    label: Label | None = None
    note: str = ""


Marks = dict[int, Mark]


def mark_control(marks: Marks, position: int) -> None:
    """The marks of one row, kept as soon as they are set."""
    mark = marks.get(position, Mark())

    def keep(name: str) -> None:
        change: dict[str, Any] = {name: st.session_state[f"mark-{name}-{position}"]}
        marks[position] = replace(marks.get(position, Mark()), **change)

    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="marks"):
        st.segmented_control(
            "Mark", list(VERDICTS), default=mark.verdict, format_func=VERDICTS.__getitem__,
            key=f"mark-verdict-{position}", on_change=keep, args=("verdict",),
        )  # fmt: skip
        st.segmented_control(
            "I read it as", list(LABELS), default=mark.label, format_func=LABELS.__getitem__,
            key=f"mark-label-{position}", on_change=keep, args=("label",),
            help="Goes into the results, and the threshold lab can take it for the reference.",
        )  # fmt: skip
        st.text_input(
            "Note", mark.note, max_chars=500, key=f"mark-note-{position}", on_change=keep, args=("note",), width=220
        )


def with_marks(results: str, marks: Sequence[Mark]) -> str:
    """A table of results as CSV with a column for each mark; one mark for each of its rows."""
    rows = list(csv.DictReader(io.StringIO(results)))
    out = io.StringIO()
    fields = [*(rows[0] if rows else ()), "reader_mark", "reader_label", "reader_note"]
    table = csv.DictWriter(out, fields, lineterminator="\n")
    table.writeheader()
    for row, mark in zip(rows, marks, strict=True):
        note = escape_formula(mark.note)
        table.writerow({**row, "reader_mark": mark.verdict, "reader_label": mark.label, "reader_note": note})
    return out.getvalue()


def labelled(outcomes: Mapping[int, Outcome], marks: Marks) -> Scores | None:
    """The scores of the rows that have a label, for the threshold lab; None unless both classes are among them."""
    rows = [
        (marks[position].label == "pneumonia", outcome.screening.reading.probability, outcome.file)
        for position, outcome in outcomes.items()
        if outcome.screening and position in marks and marks[position].label
    ]
    if len({ill for ill, _, _ in rows}) < 2:
        return None
    ill, scores, files = zip(*rows, strict=True)
    return Scores.of(ill, scores, files)

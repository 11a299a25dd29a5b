"""The worklist of a batch: sorted by urgency, filterable; beside it the row that is open, with the reader's marks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st

from pulmoscan.batch.downloads import anonymised
from pulmoscan.batch.outcomes import Outcome, load, repeated, urgency
from pulmoscan.batch.output import csv_text
from pulmoscan.population import PopulationChoice
from pulmoscan.reading.intake import Item
from pulmoscan.screening import Screening, decide
from pulmoscan.statistics.triage import Promise
from pulmoscan.ui.frame import plain, told_in_words
from pulmoscan.ui.panels.announce import announce
from pulmoscan.ui.panels.decision import decision
from pulmoscan.ui.panels.hand_over import Export, deliver, export_buttons
from pulmoscan.ui.panels.heatmap import heatmap, radiograph_alone
from pulmoscan.ui.panels.marks import Mark, Marks, mark_control, with_marks
from pulmoscan.ui.panels.patient import population_of_all
from pulmoscan.ui.state import session
from pulmoscan.ui.state.session import Chosen

Row = tuple[Item, Outcome]
FILTERS = ("All", "Suspected", "No sign", "With warnings", "Not marked")
TABLE_HEIGHT = 640
SCORE = st.column_config.ProgressColumn("score", format="%.3f", min_value=0, max_value=1, width=90)
COLUMNS = (5, 9)
"""Of the list, and of the row that is open beside it."""
COMMON = 0.5
"""A warning of more than this share of the rows is said once, above them all."""


class Listed(NamedTuple):
    """A row of the list; `position` is its item's in the batch."""

    position: int
    item: Item
    outcome: Outcome


def worklist(
    model: str,
    items: Sequence[Item],
    outcomes: Mapping[int, Outcome],
    archive: Callable[[Sequence[Row], bool], None],
    marks: Marks,
    thumbnails: Mapping[int, str],
) -> None:
    """The list, what could not be screened, the exports, and the row that is open.

    Args:
        outcomes: by the position of their item, as are marks and thumbnails (JPEG in a data URI).
        archive: draws the exports of the rows that are listed, which may have to be without names.
    """
    ageless = sum(o.screening.reading.age is None for o in outcomes.values() if o.screening)
    population = population_of_all(
        f"{ageless} files do not tell the age. They show", "batch", "Decisions on them follow this answer.", ageless > 0
    )
    rows = [Listed(i, items[i], redecide(outcome, population)) for i, outcome in sorted(outcomes.items())]
    screened = sorted((row for row in rows if row.outcome.screening), key=lambda row: urgency(row.outcome))
    not_screened = [row for row in rows if not row.outcome.screening]
    common = _common_warnings([row.outcome for row in screened])
    for warning, count in common.items():
        st.info(f"{count} of {len(screened)}: {plain(warning)}", icon=":material/info:")
    listed = _filtered(screened, marks)
    left, right = st.columns(COLUMNS, gap="medium")
    with left:
        st.caption(
            f"{len(listed)} of {len(screened)} rows, the most urgent first.",
            help="By score in steps of a hundredth; of equal ones those first that are warned of more.",
        )
        table = _Table(model, listed, marks, thumbnails, common)
        selected = table.draw()
        _not_screened([row.outcome for row in not_screened])
        _exports(listed, not_screened, marks, archive)
    with right:
        if selected is None:
            st.info("Select a row to read it here.", icon=":material/arrow_back:")
        else:
            table.leaf_through(selected)
            _open(model, listed[selected], marks)


def _not_screened(unread: Sequence[Outcome]) -> None:
    if not unread:
        return
    with st.expander(f"Not screened ({len(unread)})", icon=":material/block:"):
        st.dataframe(
            pd.DataFrame(
                {
                    "file": [outcome.file for outcome in unread],
                    "what": ["refused" if outcome.status == "refused" else "failed" for outcome in unread],
                    "reason": [outcome.reason for outcome in unread],
                }
            ),
            hide_index=True,
            column_config={"reason": st.column_config.TextColumn(width="large")},
        )


def _exports(
    listed: Sequence[Listed],
    not_screened: Sequence[Listed],
    marks: Marks,
    archive: Callable[[Sequence[Row], bool], None],
) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="batch-exports"):
        anonymous = st.checkbox(
            "Without names",
            key="batch-anonymous",
            persist_state="session",
            help="Leaves out of all exports what names the patient or a file; files are numbered as they are listed.",
        )
        results = partial(_results, [*listed, *not_screened], anonymous, marks)
        exports = [Export("csv", "Results (CSV)", "pulmoscan-batch.csv", "text/csv", results, ":material/download:")]
        export_buttons("batch", exports)
        archive([(row.item, row.outcome) for row in listed], anonymous)
    deliver("batch", exports)


def _results(rows: Sequence[Listed], anonymous: bool, marks: Marks) -> str:
    pairs = [(row.item, row.outcome) for row in rows]
    table = csv_text([outcome for _, outcome in (anonymised(pairs) if anonymous else pairs)])
    # What a reader writes may name anybody.
    own = [marks.get(row.position, Mark()) for row in rows]
    return with_marks(table, [replace(mark, note="") for mark in own] if anonymous else own)


def redecide(outcome: Outcome, population: PopulationChoice) -> Outcome:
    """The outcome at the operating point of the population; no model runs."""
    if outcome.screening is None:
        return outcome
    reading = outcome.screening.reading
    again = decide(reading, "auto" if reading.age is not None else population, promise=Promise())
    twice = [repeated(outcome.duplicate_of)] if outcome.duplicate_of else []
    return replace(outcome, screening=replace(again, warnings=(*again.warnings, *twice)))


def called(screening: Screening) -> str:
    """The decision in a table; none where it is not known whom the radiograph shows."""
    if screening.population == "unknown":
        return "child or adult?"
    return "suspected" if screening.label == "pneumonia" else "no sign"


def _common_warnings(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """Warnings that most rows have, with how many have them."""
    counts = Counter(warning for outcome in outcomes if outcome.screening for warning in outcome.screening.warnings)
    return {warning: n for warning, n in counts.items() if n > max(1.0, COMMON * len(outcomes))}


def _filtered(rows: Sequence[Listed], marks: Marks) -> list[Listed]:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        wanted = st.segmented_control("Show", FILTERS, default="All", required=True, key="batch-filter")
        text = st.text_input("File name contains", key="batch-text", width=220).strip().lower()
        least: float = st.slider("Score at least", 0.0, 1.0, 0.0, 0.01, key="batch-least", width=220)

    def fits(row: Listed) -> bool:
        s = row.outcome.screening
        if s is None or text not in row.outcome.file.lower() or s.reading.probability < least:
            return False
        if wanted == "With warnings":
            return bool(s.warnings)
        if wanted == "Not marked":
            return marks.get(row.position, Mark()).verdict is None
        return wanted == "All" or called(s) == wanted.lower()

    return [row for row in rows if fits(row)]


class _Table:
    """The list; one of its rows can be selected, by hand or by leafing through."""

    def __init__(
        self,
        model: str,
        rows: Sequence[Listed],
        marks: Marks,
        thumbnails: Mapping[int, str],
        common: Mapping[str, int],
    ) -> None:
        shown = [(row, row.outcome.screening) for row in rows if row.outcome.screening]
        self._table = pd.DataFrame(
            {
                "picture": [thumbnails.get(row.position) for row, _ in shown],
                "file": [row.outcome.file for row, _ in shown],
                "probability": [s.reading.probability for _, s in shown],
                "decision": [called(s) for _, s in shown],
                "mark": [marks.get(row.position, Mark()).verdict or "" for row, _ in shown],
                "triage": [s.triage_call or "none" for _, s in shown],
                "threshold": [s.threshold for _, s in shown],
                "population": [s.population for _, s in shown],
                "warnings": [" ".join(w for w in s.warnings if w not in common) for _, s in shown],
            }
        )
        # Another list is another table: a selection of the old one would point at another row.
        self._key = f"batch-table-{model}-{hash(tuple(self._table['file']))}"

    def draw(self) -> int | None:
        """The position of the selected row."""
        event: Any = st.dataframe(
            self._table,
            hide_index=True,
            row_height=56,
            height=min(40 + 56 * max(1, len(self._table)), TABLE_HEIGHT),
            on_select="rerun",
            selection_mode="single-row",
            column_config={
                "picture": st.column_config.ImageColumn(width=60),
                "file": st.column_config.TextColumn(width=130),
                "probability": st.column_config.ProgressColumn(
                    "score", format="%.3f", min_value=0, max_value=1, width=90
                ),
                "decision": st.column_config.TextColumn(width=90),
                "mark": st.column_config.TextColumn(width=70),
                "threshold": st.column_config.NumberColumn(format="%.3f", width="small"),
                "population": st.column_config.TextColumn(width="small"),
                "warnings": st.column_config.TextColumn(width="large"),
            },
            key=self._key,
        )
        selected = event["selection"]["rows"]
        return selected[0] if selected and selected[0] < len(self._table) else None

    def leaf_through(self, selected: int) -> None:
        """The row before and the next one, by button or arrow key."""

        def select(row: int) -> None:
            st.session_state[self._key] = {"selection": {"rows": [row], "columns": [], "cells": []}}

        with st.container(horizontal=True, gap="xsmall", vertical_alignment="center", key="flow"):
            for title, row, shortcut, icon in (
                ("Previous", selected - 1, "Left", ":material/chevron_left:"),
                ("Next", selected + 1, "Right", ":material/chevron_right:"),
            ):
                st.button(
                    title,
                    icon=icon,
                    shortcut=shortcut,
                    disabled=not 0 <= row < len(self._table),
                    on_click=select,
                    args=(row,),
                    key=f"batch-{title.lower()}",
                )
            st.markdown(f"{selected + 1} of {len(self._table)}")


def _open(model: str, row: Listed, marks: Marks) -> None:
    """The full view of a row. The radiograph is read anew; no model runs."""
    s = row.outcome.screening
    if s is None:
        return
    radiograph = load(row.item)
    st.subheader(plain(row.outcome.file), anchor=False)
    known = s.population != "unknown"
    with st.container(key="result"):
        if known:
            decision(s)
        mark_control(marks, row.position)
    with told_in_words():
        if known:
            heatmap(radiograph, s.reading)
        else:
            radiograph_alone(radiograph, s.reading.examination, "Radiograph")
    for warning in s.warnings:
        st.warning(plain(warning), icon=":material/info:")
    announce(f"{row.outcome.file}: {called(s)}", radiograph.key)
    if st.button("Open on the model's page", icon=":material/open_in_new:"):
        reading = s.reading
        about = "From a batch; in memory for this session only."
        session.choose(lambda: Chosen(radiograph, about, {session.found_by(reading): reading}), row.outcome.file)
        st.switch_page(f"pages/{model}.py")

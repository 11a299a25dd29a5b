"""The worklist of a batch: sorted by urgency, filterable; a row opens the radiograph with its overlay."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import pandas as pd
import streamlit as st

from pulmoscan.batch.downloads import anonymised
from pulmoscan.batch.outcomes import Outcome, load, repeated, urgency
from pulmoscan.batch.output import csv_text
from pulmoscan.population import PopulationChoice
from pulmoscan.reading.intake import Item
from pulmoscan.screening import Screening, decide
from pulmoscan.ui.frame import plain, told_in_words
from pulmoscan.ui.panels.decision import decision
from pulmoscan.ui.panels.hand_over import Export, deliver, export_buttons
from pulmoscan.ui.panels.heatmap import heatmap
from pulmoscan.ui.panels.patient import population_of_all
from pulmoscan.ui.state import session
from pulmoscan.ui.state.session import Chosen

Row = tuple[Item, Outcome]
FILTERS = ("All", "Suspected", "No sign", "With warnings")
TABLE_HEIGHT = 420


def worklist(
    model: str, items: Sequence[Item], outcomes: Mapping[int, Outcome], archive: Callable[[Sequence[Row], bool], None]
) -> None:
    """The list, what could not be screened, the exports, and the row that is open.

    Args:
        outcomes: by the position of their item.
        archive: draws the exports of the rows that are listed, which may have to be without names.
    """
    ageless = sum(o.screening.reading.age is None for o in outcomes.values() if o.screening)
    population = population_of_all(
        f"{ageless} files do not tell the age. They show", "batch", "Decisions on them follow this answer.", ageless > 0
    )
    rows = [(items[i], redecide(outcome, population)) for i, outcome in sorted(outcomes.items())]
    screened = sorted((row for row in rows if row[1].screening), key=lambda row: urgency(row[1]))
    not_screened = [row for row in rows if not row[1].screening]
    unread = [outcome for _, outcome in not_screened]
    listed = _filtered(screened)
    st.caption(
        f"{len(listed)} of {len(screened)} rows, the most urgent first: by probability, then by warnings. Select one "
        "to see it."
    )
    selected = _table(model, listed)
    if unread:
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
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="batch-exports"):
        anonymous = st.checkbox(
            "Without names",
            key="batch-anonymous",
            persist_state="session",
            help="Leaves out of all exports what names the patient or a file; files are numbered as they are listed.",
        )
        results = partial(_results, [*listed, *not_screened], anonymous)
        exports = [Export("csv", "Results (CSV)", "pulmoscan-batch.csv", "text/csv", results, ":material/download:")]
        export_buttons("batch", exports)
        archive(listed, anonymous)
    deliver("batch", exports)
    if selected is not None:
        _open(model, *listed[selected])


def _results(rows: Sequence[Row], anonymous: bool) -> str:
    return csv_text([outcome for _, outcome in (anonymised(rows) if anonymous else rows)])


def redecide(outcome: Outcome, population: PopulationChoice) -> Outcome:
    """The outcome at the operating point of the population; no model runs."""
    if outcome.screening is None:
        return outcome
    reading = outcome.screening.reading
    again = decide(reading, "auto" if reading.age is not None else population)
    twice = [repeated(outcome.duplicate_of)] if outcome.duplicate_of else []
    return replace(outcome, screening=replace(again, warnings=(*again.warnings, *twice)))


def called(screening: Screening) -> str:
    """The decision in a table; none where it is not known whom the radiograph shows."""
    if screening.population == "unknown":
        return "child or adult?"
    return "suspected" if screening.label == "pneumonia" else "no sign"


def _filtered(rows: Sequence[Row]) -> list[Row]:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        wanted = st.segmented_control("Show", FILTERS, default="All", required=True, key="batch-filter")
        text = st.text_input("File name contains", key="batch-text", width=220).strip().lower()
        least: float = st.slider("Probability at least", 0.0, 1.0, 0.0, 0.01, key="batch-least", width=220)

    def fits(outcome: Outcome) -> bool:
        s = outcome.screening
        if s is None or text not in outcome.file.lower() or s.reading.probability < least:
            return False
        if wanted == "With warnings":
            return bool(s.warnings)
        return wanted == "All" or called(s) == wanted.lower()

    return [row for row in rows if fits(row[1])]


def _table(model: str, rows: Sequence[Row]) -> int | None:
    """The position of the selected row."""
    screenings = [(outcome, outcome.screening) for _, outcome in rows if outcome.screening]
    table = pd.DataFrame(
        {
            "file": [outcome.file for outcome, _ in screenings],
            "probability": [s.reading.probability for _, s in screenings],
            "decision": [called(s) for _, s in screenings],
            "threshold": [s.threshold for _, s in screenings],
            "population": [s.population for _, s in screenings],
            "warnings": [" ".join(s.warnings) for _, s in screenings],
        }
    )
    event = st.dataframe(
        table,
        hide_index=True,
        height=min(38 + 35 * max(1, len(table)), TABLE_HEIGHT),
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "file": st.column_config.TextColumn(width="medium"),
            "probability": st.column_config.ProgressColumn(format="%.3f", min_value=0, max_value=1, width="small"),
            "threshold": st.column_config.NumberColumn(format="%.3f", width="small"),
            "decision": st.column_config.TextColumn(width="small"),
            "population": st.column_config.TextColumn(width="small"),
            "warnings": st.column_config.TextColumn(width="large"),
        },
        # Another list is another table: a selection of the old one would point at another row.
        key=f"batch-table-{model}-{hash(tuple(table['file']))}",
    )
    selected = event["selection"]["rows"]
    return selected[0] if selected and selected[0] < len(rows) else None


def _open(model: str, item: Item, outcome: Outcome) -> None:
    """The full view of a row. The radiograph is read anew; no model runs."""
    s = outcome.screening
    if s is None:
        return
    radiograph = load(item)
    st.subheader(plain(outcome.file), anchor=False)
    result, picture = st.columns([5, 9], gap="large")
    with result:
        decision(s)
        for warning in s.warnings:
            st.warning(plain(warning), icon=":material/info:")
        if st.button("Open on the model's page", icon=":material/open_in_new:"):
            reading = s.reading
            about = "From a batch; in memory for this session only."
            session.choose(lambda: Chosen(radiograph, about, {reading.card.weights_sha256: reading}), outcome.file)
            st.switch_page(f"pages/{model}.py")
    with picture, told_in_words():
        heatmap(radiograph, s.reading)

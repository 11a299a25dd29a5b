"""The results of an `archive` run as a worklist: a page of it at a time, each row opened from the archive itself.

PULMOSCAN_ARCHIVE names the run; without it the page Batch does not offer this.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from pulmoscan.batch.archive.paging import CONDITIONS, ROWS_A_PAGE, Listing, Results
from pulmoscan.models.registry import get_spec
from pulmoscan.settings import variable
from pulmoscan.ui.frame import plain
from pulmoscan.ui.panels.worklist import SCORE
from pulmoscan.ui.state import session
from pulmoscan.ui.state.session import Chosen

ABOUT = "From the results of an archive."


def archive_results() -> None:
    """The list, and the row that is open.

    Raises:
        ArchiveRunError: there is no run where the variable says, or what reads it is not installed.
    """
    with st.spinner("Reading the run's results …"):
        results = _results(variable("ARCHIVE"))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        model = results.models[0]
        if len(results.models) > 1:
            model = st.selectbox("Model", results.models, format_func=lambda name: get_spec(name).title, width=260)
        counts = results.counts(model)
        condition = st.segmented_control(
            "Show",
            [name for name in CONDITIONS if counts[name]],
            default="All",
            required=True,
            format_func=lambda name: f"{name} ({counts[name]:,})",
            key=f"archive-show-{model}",
        )
        pages = -(-counts[condition] // ROWS_A_PAGE)
        number = 1
        if pages > 1:
            number = st.number_input(f"Page of {pages:,}", 1, pages, key=f"archive-page-{model}-{condition}", width=160)
        st.button(
            "Read anew",
            icon=":material/refresh:",
            on_click=_results.clear,
            help="The list is as it was when it was opened; a run that goes on has more by now.",
        )
    listing = results.page(model, condition, number - 1)
    first = (number - 1) * ROWS_A_PAGE
    st.caption(f"Rows {first + 1:,} to {first + len(listing.rows):,} of {listing.total:,}, the highest score first.")
    selected = _table(listing, f"archive-table-{model}-{condition}-{number}")
    if session.problem():
        st.error(session.problem(), icon=":material/error:")
    if selected is not None:
        _opened(results, model, listing.rows[selected])


@st.cache_resource(max_entries=2, show_spinner=False)
def _results(where: str) -> Results:
    """For all sessions: it holds what every row is sorted by."""
    return Results(where)


def _table(listing: Listing, key: str) -> int | None:
    """The position of the selected row."""
    rows = listing.rows
    event: Any = st.dataframe(
        pd.DataFrame(
            {
                "file": [row["file"] for row in rows],
                "score": [row["probability"] for row in rows],
                "decision": [_decision(row) for row in rows],
                "threshold": [row["threshold"] for row in rows],
                "population": [row["population"] for row in rows],
                "month": [row["month"] or "" for row in rows],
                "why, warnings": [row["reason"] or " ".join(row["warnings"] or []) for row in rows],
            }
        ),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "score": SCORE,
            "threshold": st.column_config.NumberColumn(format="%.3f", width="small"),
            "why, warnings": st.column_config.TextColumn(width="large"),
        },
        key=key,
    )
    selected = event["selection"]["rows"]
    return selected[0] if selected and selected[0] < len(rows) else None


def _decision(row: dict[str, Any]) -> str:
    if row["status"] == "ok":
        return "suspected" if row["label"] == "pneumonia" else "no sign"
    return {"error": "failed"}.get(row["status"], row["status"])


def _opened(results: Results, model: str, row: dict[str, Any]) -> None:
    """The way from a row to its radiograph; nothing is read before the button is pressed."""
    st.markdown(f"**{plain(row['file'])}**")
    if row["status"] == "passed over":
        st.info(f"It was passed over: {plain(row['reason'])}", icon=":material/visibility_off:")
    elif st.button("Open on the model's page", icon=":material/open_in_new:", type="primary"):
        session.choose(lambda: Chosen(results.radiograph(row["ordinal"]), ABOUT), row["file"])
        if session.problem() is None:
            st.switch_page(f"pages/{model}.py")
        st.rerun()

"""The page with the session's list of what was screened."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from pulmoscan.export.tables import escape_formula
from pulmoscan.models.registry import MODELS
from pulmoscan.screening import decide
from pulmoscan.ui.frame import page
from pulmoscan.ui.panels.hand_over import Export, deliver, export_buttons
from pulmoscan.ui.panels.worklist import called
from pulmoscan.ui.state import history, session

SUBTITLE = "What this session has screened. It is held in memory only, and gone when the session ends."


def history_page() -> None:
    """The page."""
    with page("History", SUBTITLE):
        entries = history.entries()
        if not entries:
            st.info("Nothing was screened yet.", icon=":material/history:")
            return
        # As the other pages decide now; no decision where nobody has said whom the radiograph shows.
        screenings = [decide(entry.reading, session.choice_for(entry.reading.age)) for entry in entries]
        table = pd.DataFrame(
            {
                "picture": [entry.thumbnail or None for entry in entries],
                "file": [entry.file for entry in entries],
                "model": [entry.reading.model.title for entry in entries],
                "probability": [entry.reading.probability for entry in entries],
                "decision": [called(s) for s in screenings],
                "threshold": [s.threshold for s in screenings],
                "population": [s.population for s in screenings],
                "time (UTC)": [entry.when.strftime("%Y-%m-%d %H:%M:%S") for entry in entries],
            }
        )
        with st.container(horizontal=True, vertical_alignment="center", key="history-actions"):
            st.markdown(f"**{len(entries)}** readings, the newest first.")
            st.button("Clear", icon=":material/delete:", on_click=_clear)
            exports = [
                Export(
                    "csv",
                    "Export (CSV)",
                    "pulmoscan-history.csv",
                    "text/csv",
                    lambda: table.drop(columns="picture").map(escape_formula).to_csv(index=False),
                    ":material/download:",
                )
            ]
            export_buttons("history", exports)
        deliver("history", exports)
        event: Any = st.dataframe(
            table,
            key="history-table",
            on_select="rerun",
            selection_mode="single-row",
            hide_index=True,
            row_height=56,
            column_config={
                "picture": st.column_config.ImageColumn("", width="small"),
                "file": st.column_config.TextColumn(width="medium"),
                "probability": st.column_config.ProgressColumn(format="%.3f", min_value=0, max_value=1, width="small"),
                "threshold": st.column_config.NumberColumn(format="%.3f", width="small"),
            },
        )
        rows = event["selection"]["rows"]
        if rows and rows[0] < len(entries):
            _reopen(entries[rows[0]])


def _clear() -> None:
    history.clear()
    session.forget_recent()


def _reopen(entry: history.Entry) -> None:
    """A way back to the radiograph of a row, while the session holds it."""
    held = session.held(entry.reading.radiograph_key)
    if held is None:
        st.caption("The session no longer holds this radiograph; a batch opens its own rows.")
    elif st.button("Open it again", icon=":material/open_in_new:"):
        session.choose(lambda: held, held.radiograph.source.name)
        model = entry.reading.model.name
        st.switch_page(f"pages/{model if model in MODELS else 'torchxrayvision'}.py")

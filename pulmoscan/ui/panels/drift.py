"""The node's weeks against the site's first radiographs: what has drifted, and by how much."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from pulmoscan.hospital.drift import BASELINE, Week

HELP = (
    "Population stability index (PSI) of each measure against the first radiographs; by custom 0.1 is small and 0.25 "
    "large. A test decides on the alarm, with its level shared out over all looks of a year: see docs/hospital.md."
)
DRIFTED = "⚠"


def drift(weeks: Sequence[Week]) -> None:
    """The alarms of the newest week first, then all weeks in a table."""
    if not weeks:
        st.info(
            f"Nothing to compare yet: the first {BASELINE} screened radiographs are the baseline, and each whole week "
            "after them is compared with it.",
            icon=":material/hourglass_empty:",
        )
        return
    newest = weeks[-1]
    for alarm in newest.alarms:
        st.warning(f"{alarm} Check what has changed before you trust new figures.", icon=":material/trending_up:")
    if not newest.alarms:
        st.success(f"Week {newest.name} looks like the baseline.", icon=":material/check:")
    st.dataframe(_table(weeks), hide_index=True)
    st.caption(f"PSI by week and measure; {DRIFTED} has drifted.", help=HELP)


def _table(weeks: Sequence[Week]) -> pd.DataFrame:
    """The newest week first; a measure with too few cases is empty."""
    rows = []
    for week in reversed(weeks):
        said = {change.measure: f"{change.psi:.2f}{' ' + DRIFTED if change.alarm else ''}" for change in week.changes}
        rows.append({"week": week.name, "screened": week.screened, **said})
    return pd.DataFrame(rows).fillna("too few")

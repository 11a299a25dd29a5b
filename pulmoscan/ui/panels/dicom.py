"""What a DICOM file says, and the radiograph at another window for viewing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pulmoscan.ui.frame import plain

if TYPE_CHECKING:  # every model's page imports this panel, but few files are DICOM
    from pulmoscan.reading.dicom import Dicom, Voi, Window

MASK = "••••••"
ADJUSTED = "By hand"
SEEN_BY_MODEL = (
    "The model always sees the picture at the file's first setting ({first}); the window chosen here does not change "
    "its result."
)


def dicom_panel(dicom: Dicom, key: str) -> None:
    """What the header says; the identity masked until it is asked for, anew for each radiograph (`key`)."""
    facts = dicom.facts
    with st.expander("DICOM file", icon=":material/badge:"):
        patient, picture = st.columns(2, gap="large")
        with patient:
            shown = st.toggle("Show the patient's name and identifiers", key=f"identity-{key}")
            st.markdown(_table((label, value if shown else MASK) for label, value in facts.identity.rows()))
        with picture:
            st.markdown(_table(facts.rows()))


def windowed(dicom: Dicom, key: str) -> NDArray[np.float32]:
    """The radiograph at a window of the user's choice, float32 [H, W] in [0, 1], with the controls above it.

    Args:
        key: identifies the radiograph; each has a choice of its own.
    """
    vois = dicom.view.vois
    names = [f"{number}. {voi.name}" for number, voi in enumerate(vois, 1)]
    chosen: str = st.selectbox("Window, for viewing", [*names, ADJUSTED], key=f"window-{key}", width=280)
    voi = _by_hand(dicom, key) if chosen == ADJUSTED else vois[names.index(chosen)]
    st.caption(SEEN_BY_MODEL.format(first=plain(_described(vois[0]))))
    return dicom.view.shown(voi)


def _by_hand(dicom: Dicom, key: str) -> Window:
    """Level and width by sliders that begin at the file's own window, if it has one."""
    from pulmoscan.reading.dicom import Window

    low, high = dicom.view.span
    span = max(high - low, 1e-3)
    step = 1.0 if span > 50 else span / 100
    start = next((voi for voi in dicom.view.vois if isinstance(voi, Window)), None)
    level, width = (start.centre, start.width) if start else (low + span / 2, span)
    with st.container(horizontal=True, gap="medium"):
        level = st.slider(
            "Level", low, low + span, float(np.clip(level, low, low + span)), step, key=f"level-{key}", width=240
        )
        width = st.slider(
            "Width", step, 2 * span, float(np.clip(width, step, 2 * span)), step, key=f"width-{key}", width=240
        )
    return Window(ADJUSTED, level, width, "LINEAR_EXACT")


def _described(voi: Voi) -> str:
    from pulmoscan.reading.dicom import Window

    if isinstance(voi, Window):
        return f"{voi.name}: level {voi.centre:g}, width {voi.width:g}"
    return voi.name


def _table(rows: Iterable[tuple[str, str]]) -> str:
    body = "\n".join(f"| {label} | {plain(value)} |" for label, value in rows)
    return f"| | |\n|---|---|\n{body}"

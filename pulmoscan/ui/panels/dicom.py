"""What a DICOM file says, and the radiograph at another window for viewing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

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
    """What the header says; what could tell who the patient is stays masked until it is asked for, anew for each
    radiograph (`key`)."""
    facts = dicom.facts
    with st.expander("DICOM file", icon=":material/badge:"):
        st.html(_table("The picture", facts.rows()))
        shown = st.toggle("Show what identifies the patient", key=f"identity-{key}")
        rows = ((label, value if shown else MASK) for label, value in facts.identifying_rows())
        st.html(_table("The patient", rows))


def window_choice(dicom: Dicom, key: str) -> Voi:
    """The window of the user's choice, with the controls for it; the file's first one where there is no other."""
    vois = dicom.view.vois
    names = [f"{number}. {voi.name}" for number, voi in enumerate(vois, 1)]
    if len(names) == 1:
        return vois[0]
    chosen = st.selectbox(
        "Window of the file",
        [*names, ADJUSTED],
        key=f"window-{key}",
        width=280,
        help=SEEN_BY_MODEL.format(first=plain(_described(vois[0]))),
    )
    return _by_hand(dicom, key) if chosen == ADJUSTED else vois[names.index(chosen)]


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


def _table(caption: str, rows: Iterable[tuple[str, str]]) -> str:
    """HTML of labels and values; Markdown's tables cannot do without a row of heads."""
    from html import escape

    body = "".join(f'<tr><th scope="row">{label}</th><td>{escape(value)}</td></tr>' for label, value in rows)
    return f'<table class="facts"><caption>{caption}</caption><tbody>{body}</tbody></table>'

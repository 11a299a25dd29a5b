"""Choosing a radiograph: an upload or a click in the gallery, whichever came last."""

from __future__ import annotations

import streamlit as st

from pulmoscan.reading.isolation import load_apart
from pulmoscan.reading.radiograph import FORMAT_NAMES
from pulmoscan.ui.frame import plain
from pulmoscan.ui.panels.gallery import gallery_panel, question
from pulmoscan.ui.state import session
from pulmoscan.ui.state.session import Chosen


def picker() -> None:
    """Upload and gallery side by side, and below them what is chosen."""
    left, right = st.columns([1, 2], gap="medium")
    with left:
        _upload()
    with right:
        gallery_panel()
    if problem := session.problem():
        still = " The radiograph chosen before is still shown below." if session.chosen() else ""
        st.error(problem + still, icon=":material/error:")


def chosen_line(chosen: Chosen) -> None:
    """What is in view, and a way to remove it."""
    radiograph = chosen.radiograph
    with st.container(horizontal=True, vertical_alignment="center", key="chosen"):
        with st.container(gap=None):
            st.markdown(f"**{plain(radiograph.source.name)}** · {radiograph.width} × {radiograph.height} pixels")
            done = radiograph.source.correction
            st.caption(f"{chosen.about} **{done[0].upper()}{done[1:]} by you.**" if done else chosen.about)
        if chosen.original:
            st.button(
                f"Undo: {radiograph.source.correction}",
                icon=":material/undo:",
                on_click=session.uncorrect,
                key="uncorrect",
            )
        st.button("Remove", icon=":material/close:", on_click=session.remove, key="remove")
    if chosen.sample:
        question(chosen.sample)


def _upload() -> None:
    # Any file may be offered: DICOM files often have no ending. What cannot be read gets a reason.
    # A new key after each upload empties the widget: what is chosen stands in one place, the session.
    turn = st.session_state.setdefault("upload_turn", 0)
    st.file_uploader(
        f"Upload a radiograph ({FORMAT_NAMES})",
        key=f"upload-{turn}",
        on_change=_take_upload,
        help="It is held in memory for this session only; nothing is written to disk.",
    )


def _take_upload() -> None:
    turn = st.session_state.upload_turn
    if file := st.session_state[f"upload-{turn}"]:
        st.session_state.upload_turn = turn + 1
        session.choose(
            lambda: Chosen(load_apart(file.getvalue(), file.name), "Uploaded; in memory for this session only."),
            file.name,
        )

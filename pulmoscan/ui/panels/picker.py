"""Choosing a radiograph: an upload or a click in the gallery, whichever came last."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pulmoscan.reading.isolation import load_apart
from pulmoscan.reading.radiograph import FORMAT_NAMES
from pulmoscan.ui.frame import plain
from pulmoscan.ui.panels.gallery import Card, gallery_panel, leaf_through
from pulmoscan.ui.state import session
from pulmoscan.ui.state.session import Chosen

SKIP = '<a class="skip" href="#result" target="_self">Skip to the result</a>'


def picker(bare: bool = False) -> None:
    """Upload and gallery side by side, and below them what is chosen.

    Args:
        bare: leave out what is chosen: the page shows none of it.
    """
    if not bare:
        st.html(SKIP)
    left, right = st.columns([2, 5], gap="medium")
    with left:
        _upload()
    with right:
        cards = gallery_panel()
    if problem := session.problem():
        still = " The radiograph chosen before is still shown below." if session.chosen() else ""
        st.error(problem + still, icon=":material/error:")
    if not bare:
        session.just_chosen()  # it is seen now
    if (chosen := session.chosen()) and not bare:
        _chosen_line(chosen, cards)


def _chosen_line(chosen: Chosen, cards: Sequence[Card]) -> None:
    """What is in view, and a way to remove it."""
    radiograph = chosen.radiograph
    with st.container(horizontal=True, vertical_alignment="center", key="chosen"):
        done = radiograph.source.correction
        st.markdown(
            f"**{plain(radiograph.source.name)}** · {radiograph.width} × {radiograph.height} pixels"
            + (f" · **{done[0].upper()}{done[1:]} by you.**" if done else ""),
            help=chosen.about,
        )
        leaf_through(cards, chosen)
        if chosen.original:
            st.button(
                f"Undo: {radiograph.source.correction}",
                icon=":material/undo:",
                on_click=session.uncorrect,
                key="uncorrect",
            )
        st.button("Remove", icon=":material/close:", on_click=session.remove, key="remove")


def _upload() -> None:
    # Any file may be offered: DICOM files often have no ending. What cannot be read gets a reason.
    # A new key after each upload empties the widget: what is chosen stands in one place, the session.
    turn = st.session_state.setdefault("upload_turn", 0)
    st.file_uploader(
        "Upload a radiograph",
        key=f"upload-{turn}",
        on_change=_take_upload,
        args=(turn,),
        help=f"{FORMAT_NAMES}. It is held in memory for this session only; nothing is written to disk.",
    )


def _take_upload(turn: int) -> None:
    # By the turn of the widget that it was given to: a second file may come there while the first is being read.
    if file := st.session_state[f"upload-{turn}"]:
        st.session_state.upload_turn = turn + 1
        session.choose(
            lambda: Chosen(load_apart(file.getvalue(), file.name), "Uploaded; in memory for this session only."),
            file.name,
        )

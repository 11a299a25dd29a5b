"""Choosing a radiograph: an upload or a click in the gallery, whichever came last."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pulmoscan.errors import PulmoScanError
from pulmoscan.radiograph import FILE_EXTENSIONS, FORMAT_NAMES, load_radiograph
from pulmoscan.samples import GallerySample, gallery
from pulmoscan.ui import session
from pulmoscan.ui.frame import plain
from pulmoscan.ui.session import Chosen

THUMBNAIL_SIDE = 224


def picker() -> None:
    """Upload and gallery side by side, and below them what is chosen."""
    left, right = st.columns([1, 2], gap="medium")
    with left:
        _upload()
    with right:
        _gallery()
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


def _upload() -> None:
    # A new key after each upload empties the widget: what is chosen stands in one place, the session.
    turn = st.session_state.setdefault("upload_turn", 0)
    st.file_uploader(
        f"Upload a radiograph ({FORMAT_NAMES})",
        type=list(FILE_EXTENSIONS),
        key=f"upload-{turn}",
        on_change=_take_upload,
        help="It is held in memory for this session only; nothing is written to disk.",
    )


def _take_upload() -> None:
    turn = st.session_state.upload_turn
    if file := st.session_state[f"upload-{turn}"]:
        st.session_state.upload_turn = turn + 1
        session.choose(
            lambda: Chosen(load_radiograph(file.getvalue(), file.name), "Uploaded; in memory for this session only."),
            file.name,
        )


def _gallery() -> None:
    st.markdown("Or try one from the gallery")
    try:
        cards = [(sample, _thumbnail(sample.path, sample.path.stat().st_mtime_ns)) for sample in gallery()]
    except PulmoScanError as error:
        st.info(str(error), icon=":material/photo_library:")
        return
    with st.container(horizontal=True, wrap=False, key="gallery"):
        for number, (sample, thumbnail) in enumerate(cards):
            with st.container(width=112, gap="xsmall", key=f"sample-{number}"):
                st.image(thumbnail, alt=sample.caption)
                st.button(sample.title, key=f"show-{number}", width="stretch", on_click=_take_sample, args=(sample,))


def _take_sample(sample: GallerySample) -> None:
    session.choose(lambda: _load_sample(sample), sample.title)


def _load_sample(sample: GallerySample) -> Chosen:
    about = sample.caption if sample.origin in sample.caption else f"{sample.caption} {sample.origin}."
    return Chosen(load_radiograph(sample.path, sample.title), about)


@st.cache_data
def _thumbnail(path: Path, modified: int) -> NDArray[np.uint8]:  # noqa: ARG001
    """The middle square of a gallery image; `modified` renews it with its file."""
    pixels = load_radiograph(path).pixels
    side = min(pixels.shape)
    top, left = ((length - side) // 2 for length in pixels.shape)
    square = cv2.resize(
        pixels[top : top + side, left : left + side], (THUMBNAIL_SIDE, THUMBNAIL_SIDE), interpolation=cv2.INTER_AREA
    )
    return (square * 255).astype(np.uint8)

"""Which radiographs are read: uploads or the batch, all or a random sample of them, stratified if asked."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import PurePosixPath

import cv2
import numpy as np
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from pulmoscan.batch.outcomes import load
from pulmoscan.reading.intake import Item
from pulmoscan.reading.radiograph import FORMAT_NAMES, Radiograph
from pulmoscan.site.readers import draw
from pulmoscan.ui import batch

UPLOAD, BATCH = "Files or a zip", "The batch that was screened"
SHOWN_HEIGHT = 900
"""Pixels of a radiograph on the page."""


def sample(items: Sequence[Item], strata: Sequence[str], place: str) -> tuple[list[Item], int] | None:
    """The items that are drawn, in random order, and the seed; None before the user has asked for them.

    Args:
        items, strata: as `all_items` gives them.
        place: identifies the page in the session.
    """
    if not items:
        return None
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        size: int = st.number_input("How many", 1, len(items), min(100, len(items)), key=f"{place}-size", width=160)
        kinds = sorted(set(strata))
        even = len(kinds) > 1 and st.checkbox(
            f"As many of each of {len(kinds)} groups",
            key=f"{place}-even",
            help="Groups are the folders, or what the model called in the batch. The sample's share of pneumonias is "
            "then not your patients': state their prevalence in the acceptance test.",
        )
        if not st.button("Draw a sample", type="primary", icon=":material/casino:", key=f"{place}-draw"):
            return None
    seed = secrets.randbelow(2**31)
    return [items[n] for n in draw(strata if even else [""] * len(items), size, seed)], seed


def uploaded(place: str, explanation: str) -> tuple[str, list[UploadedFile]]:
    """Where the radiographs come from, `UPLOAD` or `BATCH`, and what was uploaded.

    Args:
        place: identifies the page in the session.
        explanation: what becomes of the files.
    """
    source = UPLOAD
    if batch.current() is not None:
        source = st.segmented_control("Radiographs", (UPLOAD, BATCH), default=UPLOAD, required=True, key=f"{place}-of")
    if source == BATCH:
        return source, []
    files = st.file_uploader(
        f"Radiographs ({FORMAT_NAMES}), or a zip of them",
        accept_multiple_files=True,
        key=f"{place}-files",
        max_upload_size=batch.ZIP_MEGABYTES,
        help=explanation,
    )
    return source, list(files)


def all_items(place: str) -> tuple[list[Item], Sequence[str]]:
    """Everything that could be read, and the group of each.

    Args:
        place: identifies the page in the session.
    """
    source, files = uploaded(place, "They are held in memory for this session only; nothing leaves this machine.")
    screened = batch.current()
    if source == BATCH and screened:
        pairs = [(screened.items[n], o.screening.label) for n, o in sorted(screened.outcomes.items()) if o.screening]
        return [item for item, _ in pairs], [label for _, label in pairs]
    items = batch.take_in([(file.name, file.getvalue()) for file in files], []) if files else []
    return items, [str(PurePosixPath(item.name).parent) for item in items]


def shown(item: Item, place: str) -> Radiograph:
    """Draw a radiograph without its name, which may tell the answer.

    Raises:
        RadiographError: it cannot be shown.
    """
    radiograph = load(item)
    factor = min(1.0, SHOWN_HEIGHT / radiograph.height)
    small = cv2.resize(radiograph.pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    with st.container(key=f"{place}-picture"):
        st.image(np.clip(small, 0, 1), caption="Radiograph without its name", clamp=True)
    return radiograph

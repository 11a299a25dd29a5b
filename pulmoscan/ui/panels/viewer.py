"""Radiographs side by side that zoom and pan together, by mouse, touch or keyboard; see viewer.js."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray

JPEG_QUALITY = 95

_FOLDER = Path(__file__).parent
_viewer = st.components.v2.component(
    "pulmoscan.viewer",
    html=(_FOLDER / "viewer.html").read_text(),
    css=(_FOLDER / "viewer.css").read_text(),
    js=(_FOLDER / "viewer.js").read_text(),
)


@dataclass(frozen=True, eq=False)
class Pane:
    """One picture of the viewer.

    Attributes:
        pixels: uint8, grey [H, W] or RGB [H, W, 3].
        alt: what it shows, for those who do not see it.
    """

    pixels: NDArray[np.uint8]
    title: str
    alt: str


def viewer(panes: Sequence[Pane], subject: str, smallest: str = "17rem") -> None:
    """Show panes of equal size.

    Args:
        subject: identifies the radiograph; the zoom goes back to the whole picture when it changes.
        smallest: width of a pane below which fewer stand in a row; in CSS units.
    """
    _viewer(
        key="viewer",
        data={
            "subject": subject,
            "smallest": smallest,
            # A tuple: Streamlit would import pandas, which takes as long as all else, to see whether a list is a table.
            "panes": tuple({"source": _data_uri(p.pixels), "title": p.title, "alt": p.alt} for p in panes),
        },
    )


def _data_uri(pixels: NDArray[np.uint8]) -> str:
    bgr = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(jpeg.tobytes()).decode()

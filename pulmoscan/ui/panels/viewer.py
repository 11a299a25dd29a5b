"""Radiographs side by side in layers that zoom, pan and window together, by mouse, touch or keyboard; see viewer.js.

The picture is sent once; heat, contours and outlines lie over it, so that to switch them costs no run of the page.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pulmoscan.export.words import OPACITY
from pulmoscan.models import gradcam
from pulmoscan.reading.scaling import at_most

if TYPE_CHECKING:  # few files are DICOM
    from pulmoscan.reading.dicom.facts import Spacing

JPEG_QUALITY = 95
LARGEST_SIDE = 1400
"""Pixels of what is sent at first: as sharp as needed at a moderate zoom. More comes when the reader zooms in."""

GRID = 448
"""Cells of the longer side that heat, contours and outlines are drawn on; the browser smooths them."""

SCREEN_BITS = 8
"""Of a grey value on a screen: a file with more holds greys that only a narrower window shows apart."""

LEVELS = (0.25, 0.5, 0.75)
"""Of full strength, of the contours."""

Windowed = Callable[[float, float], NDArray[np.float32]]
"""Two greys -> the picture, float32 [H, W] in [0, 1], with all between them spread from black to white."""

_FOLDER = Path(__file__).parent
_viewer = st.components.v2.component(
    "pulmoscan.viewer",
    html=(_FOLDER / "viewer.html").read_text(encoding="utf-8"),
    css=(_FOLDER / "viewer.css").read_text(encoding="utf-8"),
    js=(_FOLDER / "viewer.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class Preset:
    """A window by name; its ends in the picture's own values, [0, 1]."""

    name: str
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Pane:
    """One view of the radiograph.

    Attributes:
        alt: what it shows, for those who do not see it.
        heats: heatmaps in [0, 1] on the grid (`grid_of`), by the name of their method; the first is shown first.
        outlined: whether the outlines of the lungs are drawn on it.
    """

    title: str
    alt: str
    heats: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    outlined: bool = False


def viewer(
    pixels: NDArray[np.float32],
    panes: Sequence[Pane],
    subject: str,
    lungs: NDArray[np.bool_] | None = None,
    presets: Sequence[Preset] = (),
    spacing: Spacing | None = None,
    smallest: str = "17rem",
    shown_as: str = "",
    windowed: Windowed | None = None,
) -> None:
    """Show views of one radiograph, of equal size.

    Args:
        pixels: [H, W] in [0, 1].
        subject: identifies the radiograph; what was done to the display ends when it changes.
        lungs: their outlines on the grid, bool.
        spacing: of the pixels, for the ruler.
        smallest: width of a pane below which fewer stand in a row; in CSS units.
        shown_as: identifies the window that the pixels are shown at; the reader's own ends when it changes.
        windowed: the picture at a window that the reader has dragged, from the file's own values, where these have more
            greys than a screen.
    """
    height, width = pixels.shape
    small = at_most(pixels, LARGEST_SIDE)
    grid = grid_of(height, width)
    wanted = wants_full(subject) and small.shape != pixels.shape
    picture = f"{subject} {shown_as}"
    window = window_of(picture) if windowed else None
    side = max(pixels.shape) if wanted else LARGEST_SIDE
    _viewer(
        key="viewer",
        on_full_change=lambda: None,
        on_window_change=lambda: None,
        data={
            "subject": subject,
            "smallest": smallest,
            "opacity": OPACITY,
            "width": width,
            "height": height,
            "sent": small.shape[1],
            "source": _jpeg(small),
            "full": _jpeg(pixels) if wanted else None,
            "picture": picture,
            "deep": windowed is not None,
            "window": (*window, _jpeg(at_most(windowed(*window), side))) if windowed and window else None,
            "grid": (grid[1], grid[0]),
            "outline": _paths(lungs.astype(np.uint8)) if lungs is not None and lungs.any() else None,
            "presets": tuple({"name": p.name, "low": p.low, "high": p.high} for p in presets),
            "spacing": spacing.millimetres if spacing else None,
            "detector": bool(spacing and spacing.at_detector),
            # A tuple: Streamlit would import pandas, which takes as long as all else, to see whether a list is a table.
            "panes": tuple(
                {
                    "title": pane.title,
                    "alt": pane.alt,
                    "outlined": pane.outlined,
                    "heats": [
                        {
                            "name": name,
                            "source": _coloured(heat),
                            "contours": [_paths((heat >= level).astype(np.uint8)) for level in LEVELS],
                        }
                        for name, heat in pane.heats.items()
                    ],
                }
                for pane in panes
            ),
        },
    )


def wants_full(subject: str) -> bool:
    """Whether the reader has zoomed in so far that the picture is wanted as large as it is."""
    return bool(st.session_state.get("viewer", {}).get("full") == subject)


def window_of(picture: str) -> tuple[float, float] | None:
    """The ends of the window that the reader has dragged on that picture, in its greys."""
    told = st.session_state.get("viewer", {}).get("window")
    if not told or told[0] != picture or not float(told[1]) < float(told[2]):
        return None
    return float(told[1]), float(told[2])


def grid_of(height: int, width: int) -> tuple[int, int]:
    """Height and width of the grid that is laid over a picture of that size."""
    factor = GRID / max(height, width)
    return max(1, round(height * factor)), max(1, round(width * factor))


def _coloured(heat: NDArray[np.float32]) -> str:
    """The heatmap's colours, more opaque where it is stronger, as in `gradcam.overlay`; a PNG in a data URI."""
    level = np.sqrt(heat)  # as there
    rgb = gradcam.colours(np.asarray(heat, dtype=np.float64).ravel()).reshape(*heat.shape, 3)
    rgba = np.dstack([rgb[..., ::-1], (255 * level).round().astype(np.uint8)])
    return _uri(".png", np.ascontiguousarray(rgba), [cv2.IMWRITE_PNG_COMPRESSION, 3])


def _jpeg(pixels: NDArray[np.float32]) -> str:
    return _uri(".jpg", (pixels * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])


def _uri(kind: str, pixels: NDArray[np.uint8], how: list[int]) -> str:
    _, data = cv2.imencode(kind, pixels, how)
    mime = "image/png" if kind == ".png" else "image/jpeg"
    return f"data:{mime};base64,{base64.b64encode(data.tobytes()).decode()}"


def _paths(inside: NDArray[np.uint8]) -> str:
    """The outlines of what is inside, as an SVG path in units of the grid."""
    found, _ = cv2.findContours(inside, cv2.RETR_LIST, cv2.CHAIN_APPROX_TC89_L1)
    return "".join("M" + "L".join(f"{x} {y}" for x, y in line[:, 0]) + "Z" for line in found if len(line) > 2)

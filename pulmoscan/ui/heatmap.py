"""The radiograph with what raised its score."""

from __future__ import annotations

import cv2
import matplotlib
import numpy as np
import streamlit as st
from matplotlib.colors import to_hex
from numpy.typing import NDArray

from pulmoscan import gradcam
from pulmoscan.radiograph import Radiograph
from pulmoscan.registry import HeatMethod
from pulmoscan.screening import Reading
from pulmoscan.ui.dicom_panel import windowed
from pulmoscan.ui.viewer import Pane, viewer

LARGEST_SIDE = 1400  # pixels on the screen: as sharp as needed at a moderate zoom, and quick to send
METHOD_NAMES: dict[HeatMethod, str] = {"gradcam": "Grad-CAM", "hirescam": "HiResCAM"}


def heatmap(radiograph: Radiograph, reading: Reading) -> None:
    """The radiograph, and beside it the overlay, with its controls."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="heat-controls"):
        shown = st.toggle("Heatmap", value=True, key="heat-shown", persist_state="session")
        opacity: float = st.slider(
            "Opacity", 0.0, 1.0, 0.6, 0.05, disabled=not shown, key="heat-opacity", persist_state="session", width=220
        )
        method: HeatMethod = st.segmented_control(
            "Method",
            list(METHOD_NAMES),
            default=reading.card.heat_method,
            required=True,
            format_func=METHOD_NAMES.__getitem__,
            disabled=not shown,
            key=f"heat-method-{reading.model}",
            persist_state="session",
            help=None
            if reading.is_external
            else "The default is the one whose heat lies better inside the lungs on the validation split.",
        )
    pixels = windowed(radiograph.dicom, radiograph.key) if radiograph.dicom else for_display(radiograph)
    panes = [Pane((pixels * 255).astype(np.uint8), "Radiograph", f"Radiograph {radiograph.source.name}")]
    if shown:
        height, width = pixels.shape
        heat = reading.heatmap(height, width, method)
        panes.append(
            Pane(
                gradcam.overlay(pixels, heat, opacity),
                f"What raised the score ({METHOD_NAMES[method]})",
                f"The radiograph with a heatmap that reaches {100 * heat.max():.0f} % of full strength",
            )
        )
    viewer(panes, radiograph.key)
    if shown:
        _legend(reading)


def _legend(reading: Reading) -> None:
    if reading.is_faint:
        st.info("Hardly anything in the picture raised the score, so the heatmap is faint.", icon=":material/blur_on:")
    st.html(colour_bar("little", "much"))
    st.caption(
        "Colour marks what raised the score, coarsely: the model sees 7 × 7 fields. Strength is absolute, so a weak "
        "map looks weak. It is a hint where to look, and no outline of disease."
    )


def colour_bar(low: str, high: str) -> str:
    """HTML of the heatmaps' colour scale with words at its ends."""
    colours = ",".join(to_hex(c) for c in matplotlib.colormaps[gradcam.COLOUR_MAP](np.linspace(0, 1, 9)))
    return (
        f'<div class="legend"><span>{low}</span>'
        f'<div class="legend-bar" style="background:linear-gradient(90deg,{colours})"></div><span>{high}</span></div>'
    )


def for_display(radiograph: Radiograph) -> NDArray[np.float32]:
    """The pixels at no more than the largest side that the screen is given."""
    factor = LARGEST_SIDE / max(radiograph.pixels.shape)
    if factor >= 1:
        return radiograph.pixels
    smaller = cv2.resize(radiograph.pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return smaller.astype(np.float32, copy=False)

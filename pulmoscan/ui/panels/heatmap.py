"""The radiograph with what raised its score."""

from __future__ import annotations

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pulmoscan.examination.lungs import draw_outline
from pulmoscan.export.words import METHODS, OPACITY
from pulmoscan.models import gradcam
from pulmoscan.models.card import HeatMethod
from pulmoscan.reading.radiograph import Radiograph
from pulmoscan.screening import MOSTLY_INSIDE, Reading
from pulmoscan.ui.panels.dicom import windowed
from pulmoscan.ui.panels.viewer import Pane, viewer

LARGEST_SIDE = 1400  # pixels on the screen: as sharp as needed at a moderate zoom, and quick to send
MEASURED_INSIDE = 0.75
"""Below this share of the heat inside the lungs the sentence beside the figure asks for a look."""


def radiograph_alone(radiograph: Radiograph) -> None:
    """The picture and nothing else, where there is no reading of it."""
    viewer([_plain(radiograph, for_display(radiograph), "The picture as it came")], radiograph.key)


def heatmap(radiograph: Radiograph, reading: Reading) -> None:
    """The radiograph as it is, and beside it one with the heatmap and the lungs' outline, with their controls."""
    view = reading.examination.view if reading.examination else None
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="heat-controls"):
        shown = st.toggle("Heatmap", value=True, key="heat-shown", persist_state="session")
        outlined = st.toggle(
            "Lung outline", value=True, disabled=not view, key="outline-shown", persist_state="session"
        )
        opacity: float = st.slider(
            "Opacity",
            0.0,
            1.0,
            OPACITY,
            0.05,
            disabled=not shown,
            key="heat-opacity",
            persist_state="session",
            width=220,
        )
        method: HeatMethod = st.segmented_control(
            "Method",
            list(METHODS),
            default=reading.card.heat_method,
            required=True,
            format_func=METHODS.__getitem__,
            disabled=not shown,
            key=f"heat-method-{reading.model.name}",
            persist_state="session",
            help="The default is the one whose heat lies better inside the lungs on the validation split."
            if reading.model.fixed_here
            else None,
        )
    # A window is of the file's own values: what was turned or inverted is shown as the model sees it.
    if radiograph.dicom and not radiograph.source.correction:
        pixels = windowed(radiograph.dicom, radiograph.key)
    else:
        pixels = for_display(radiograph)
    height, width = pixels.shape
    panes = [_plain(radiograph, pixels)]
    marked, titles, described = panes[0].pixels, [], []
    if shown:
        heat = reading.heatmap(height, width, method)
        marked = gradcam.overlay(pixels, heat, opacity)
        titles.append(f"What raised the score ({METHODS[method]})")
        described.append(f"a heatmap that reaches {100 * heat.max():.0f} % of full strength")
    if outlined and view and view.mask.any():
        marked = draw_outline(marked, view.mask_at(height, width))
        titles.append("lungs outlined" if titles else "Lungs outlined")
        described.append("the outline of the lungs")
    if titles:
        panes.append(Pane(marked, ", ".join(titles), f"The radiograph with {' and '.join(described)}"))
    viewer(panes, radiograph.key)
    if shown:
        _legend(reading)
        _attention(reading, method)


def _attention(reading: Reading, method: HeatMethod) -> None:
    """How much of the heat lies inside the lungs, and what that means."""
    share = reading.lung_attention(method)
    with st.container(gap=None, key="attention"):
        st.metric("Heat inside the lungs", "n/a" if share is None else f"{100 * share:.0f} %")
        st.markdown(attention_in_words(share))


def attention_in_words(share: float | None) -> str:
    """A sentence on the share of the heat inside the lungs."""
    if share is None:
        return "No lungs were found in the picture, or nothing in it raised the score."
    if share < MOSTLY_INSIDE:
        return "Most of what raised the score lies **outside** the lungs, where no pneumonia can be."
    if share < MEASURED_INSIDE:
        return "Part of what raised the score lies outside the lungs. Look where."
    return "What raised the score lies inside the lungs. A little spills over their edge: the fields are coarse."


def _plain(radiograph: Radiograph, pixels: NDArray[np.float32], title: str = "Radiograph") -> Pane:
    return Pane((pixels * 255).astype(np.uint8), title, f"{title}: {radiograph.source.name}")


def _legend(reading: Reading) -> None:
    if reading.is_faint:
        st.info("Hardly anything in the picture raised the score, so the heatmap is faint.", icon=":material/blur_on:")
    st.html(colour_bar("little", "much"))
    rows, columns = reading.evidence[reading.card.heat_method].shape
    st.caption(
        f"Colour marks what raised the score, coarsely: the model sees {rows} × {columns} fields. Strength is "
        "absolute, so a weak map looks weak. It is a hint where to look, and no outline of disease."
    )


def colour_bar(low: str, high: str) -> str:
    """HTML of the heatmaps' colour scale with words at its ends."""
    colours = ",".join(f"#{colour.tobytes().hex()}" for colour in gradcam.colours(np.linspace(0, 1, 9)))
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

"""The radiograph with what raised its score."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pulmoscan.examination.examine import Examination
from pulmoscan.examination.zones import in_words, zones
from pulmoscan.export.words import METHODS
from pulmoscan.models import gradcam
from pulmoscan.models.card import HeatMethod
from pulmoscan.reading.depth import spread
from pulmoscan.reading.radiograph import Radiograph
from pulmoscan.screening import OUTLINES, Reading
from pulmoscan.ui.panels.dicom import window_choice
from pulmoscan.ui.panels.viewer import SCREEN_BITS, Pane, Preset, Windowed, grid_of, viewer

LUNGS, REST = (2, 98), (2, 98)
"""Percentiles of the grey values that a preset spreads over the screen."""


def radiograph_alone(
    radiograph: Radiograph, examination: Examination | None = None, title: str = "The picture as it came"
) -> None:
    """The picture and nothing else, where there is no reading of it or none is to be seen yet."""
    _view(radiograph, [Pane(title, f"{title}: {radiograph.source.name}")], examination)


def heatmap(radiograph: Radiograph, reading: Reading) -> None:
    """The radiograph as it is, and beside it one with the heat and the lungs' outline; below, where the heat lies."""
    first = reading.card.heat_method
    grid = grid_of(radiograph.height, radiograph.width)
    heats = {METHODS[method]: reading.heatmap(*grid, method) for method in _methods(reading)}
    panes = [
        Pane("Radiograph", f"Radiograph {radiograph.source.name}"),
        Pane(
            "What raised the score",
            f"The radiograph with what raised the score, up to {100 * heats[METHODS[first]].max():.0f} % of full "
            "strength, and the outline of the lungs",
            heats,
            outlined=True,
        ),
    ]
    _view(radiograph, panes, reading.examination)
    st.html(colour_bar("little", "much"))
    st.markdown(where(reading), help=_legend(reading))


def _methods(reading: Reading) -> Iterator[HeatMethod]:
    """The card's method, then those whose map differs from it: before a ResNet's head all are the same."""
    first = reading.card.heat_method
    yield first
    for method, evidence in reading.evidence.items():
        if not np.allclose(evidence, reading.evidence[first], atol=1e-3 * reading.card.heat_reference):
            yield method


def where(reading: Reading) -> str:
    """In which lung and zone the heat lies, and how much of it lies inside the outlines; in words."""
    if reading.is_faint:
        return "Hardly anything in the picture raised the score: the heatmap is faint."
    share = reading.lung_attention()
    if share is None or reading.examination is None:
        return "No lungs were found in the picture, so it is not known where in them the heat lies."
    lungs = reading.examination.view.mask
    found = in_words(zones(reading.heatmap(*lungs.shape), lungs))
    return f"Most heat: **{found}**. {100 * share:.0f} % of it lies inside the outlined lungs."


def _legend(reading: Reading) -> str:
    rows, columns = reading.evidence[reading.card.heat_method].shape
    return (
        f"Colour marks what raised the score, coarsely: the model sees {rows} × {columns} fields. Strength is "
        "absolute, so a weak map looks weak. It is a hint where to look, and no outline of disease. Right and left are "
        f"the patient's, if the picture is shown as usual. {OUTLINES}"
    )


def _view(radiograph: Radiograph, panes: list[Pane], examination: Examination | None) -> None:
    pixels, dicom = radiograph.pixels, radiograph.dicom
    windowed: Windowed | None = partial(spread, pixels) if radiograph.source.bits > SCREEN_BITS else None
    shown_as = ""
    # A window is of the file's own values: what was turned or inverted is shown as the model sees it.
    if dicom and not radiograph.source.correction:
        voi = window_choice(dicom, radiograph.key)
        if voi is not dicom.view.vois[0]:
            pixels, shown_as = dicom.view.shown(voi), repr(voi)
        windowed = windowed and partial(dicom.view.part, voi=voi)
    lungs = examination.view.mask_at(*grid_of(*pixels.shape)) if examination else None
    viewer(
        pixels,
        panes,
        radiograph.key,
        lungs=lungs,
        presets=list(_presets(pixels, examination)),
        spacing=dicom.facts.spacing if dicom else None,
        shown_as=shown_as,
        windowed=windowed,
    )


def _presets(pixels: NDArray[np.float32], examination: Examination | None) -> Iterator[Preset]:
    """Windows that spread what lies inside the lungs, or what lies between and around them, over the screen."""
    yield Preset("As it came", 0.0, 1.0)
    if examination is None or not examination.view.mask.any():
        return
    mask = examination.view.mask
    small = cv2.resize(pixels, mask.shape[::-1], interpolation=cv2.INTER_AREA)
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    chest = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    for name, inside, ends in (("Lungs", mask[chest], LUNGS), ("Mediastinum", ~mask[chest], REST)):
        values = small[chest][inside]
        if values.size:
            low, high = np.percentile(values, ends)
            yield Preset(name, float(low), float(max(high, low + 0.05)))


def colour_bar(low: str, high: str) -> str:
    """HTML of the heatmaps' colour scale with words at its ends."""
    colours = ",".join(f"#{colour.tobytes().hex()}" for colour in gradcam.colours(np.linspace(0, 1, 9)))
    return (
        f'<div class="legend"><span>{low}</span>'
        f'<div class="legend-bar" style="background:linear-gradient(90deg,{colours})"></div><span>{high}</span></div>'
    )

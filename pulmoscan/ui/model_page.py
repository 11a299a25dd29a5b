"""The page of a model: choose a radiograph, see the decision and what raised the score, move the threshold."""

from __future__ import annotations

import streamlit as st

from pulmoscan import screening
from pulmoscan.models.registry import get_spec
from pulmoscan.reading.radiograph import Radiograph
from pulmoscan.screening import Model, Reading, load_model
from pulmoscan.ui.frame import page, told_in_words
from pulmoscan.ui.panels.decision import decision
from pulmoscan.ui.panels.dicom import dicom_panel
from pulmoscan.ui.panels.downloads import downloads
from pulmoscan.ui.panels.heatmap import heatmap
from pulmoscan.ui.panels.picker import chosen_line, picker
from pulmoscan.ui.panels.refusal import let_through
from pulmoscan.ui.panels.threshold import population_control, threshold_control, threshold_now
from pulmoscan.ui.state import session

LIMITS = "For frontal chest radiographs of children and adults. What does not look like one is refused."


def model_page(name: str) -> None:
    """The page of the model of that name."""
    spec = get_spec(name)
    with page(f"{spec.title} :small[:gray[{spec.role}]]", spec.summary):
        with st.spinner("Loading the model …"):
            model = load_model(name)
        reading_of_choice(model)


def reading_of_choice(model: Model) -> Reading | None:
    """The picker and, once a radiograph is chosen, what the model finds in it, or why it is refused."""
    picker()
    chosen = session.chosen()
    if chosen is None:
        st.info("Choose a radiograph to see the model's reading of it.", icon=":material/arrow_upward:")
        st.caption(LIMITS)
        return None
    chosen_line(chosen)
    if chosen.radiograph.dicom:
        dicom_panel(chosen.radiograph.dicom, chosen.radiograph.key)
    if not let_through(chosen):
        return None
    with st.spinner("Reading the radiograph …"):
        reading = chosen.reading(model)
    result, picture = st.columns([5, 9], gap="large")
    with result:
        _result(chosen.radiograph, reading)
    with picture:
        _picture(chosen.radiograph, reading)
    return reading


# Two fragments: dragging the threshold redraws no picture, and changing the overlay's opacity no figures.


@st.fragment
def _result(radiograph: Radiograph, reading: Reading) -> None:
    with told_in_words():
        above = st.container()
        population = population_control(reading)
        outcome = screening.decide(reading, population, threshold_now(reading, population))
        with above:
            decision(outcome)
            st.caption(LIMITS)
        threshold_control(reading, population)
        for warning in outcome.warnings:
            st.warning(warning, icon=":material/info:")
        downloads(radiograph, outcome)


@st.fragment
def _picture(radiograph: Radiograph, reading: Reading) -> None:
    with told_in_words():
        heatmap(radiograph, reading)

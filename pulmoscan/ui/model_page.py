"""The page of a model: choose a radiograph, see it with what raised its score, the decision and its figures."""

from __future__ import annotations

import streamlit as st

from pulmoscan import screening
from pulmoscan.export.words import LOOKS, NUMBER, probability_text
from pulmoscan.models.registry import get_spec
from pulmoscan.population import PopulationChoice
from pulmoscan.screening import Model, Reading, Screening, load_model
from pulmoscan.statistics.triage import Promise
from pulmoscan.ui.frame import page, plain, told_in_words
from pulmoscan.ui.panels.announce import announce
from pulmoscan.ui.panels.decision import decision, evidence
from pulmoscan.ui.panels.dicom import dicom_panel
from pulmoscan.ui.panels.downloads import downloads
from pulmoscan.ui.panels.gallery import answer, awaits_guess, question
from pulmoscan.ui.panels.heatmap import heatmap, radiograph_alone
from pulmoscan.ui.panels.patient import ask_patient, patient_control
from pulmoscan.ui.panels.picker import picker
from pulmoscan.ui.panels.refusal import let_through
from pulmoscan.ui.panels.threshold import threshold_control, threshold_now
from pulmoscan.ui.panels.triage import triage_line
from pulmoscan.ui.state import links, session
from pulmoscan.ui.state.session import Chosen

LIMITS = "Frontal chest radiographs, of children or adults."
COLUMNS = (13, 7)
"""Of the picture, and of the decision beside it; on a phone it follows below."""


def model_page(name: str) -> None:
    """The page of the model of that name."""
    spec = get_spec(name)
    with page(f"{spec.title} :small[{spec.role}]", spec.summary):
        picker()  # first: a newcomer sees it while the model loads
        with st.spinner("Loading the model …"):
            model = load_model(name)
        reading_of_choice(model)


def reading_of_choice(model: Model) -> Reading | None:
    """What the model finds in the radiograph that was chosen, or why it is refused; None until it was read."""
    chosen = session.chosen()
    if chosen is None:
        st.info(LIMITS, icon=":material/arrow_upward:")
        return None
    if not let_through(chosen):
        return None
    picture, result = st.columns(COLUMNS, gap="medium")
    guessed, told = not awaits_guess(chosen), chosen.population_choice() is not None
    if not (guessed and told):
        chosen.read_ahead(model)
        with picture:
            radiograph_alone(chosen.radiograph, chosen.examination(), "Radiograph")
        with result, st.container(key="result"):
            if chosen.sample and not guessed:
                question(chosen.sample)
            else:
                ask_patient()
            _header(chosen)
        announce("A question stands beside the radiograph.", f"ask {chosen.radiograph.key}")
        return None
    with st.spinner("Reading the radiograph …"):
        reading = chosen.reading(model)
    with picture:
        _picture(chosen, reading)
    with result, st.container(key="result"):
        if chosen.sample:
            answer(chosen.sample)
        _result(chosen, reading)
        _exports(chosen, reading)
        _header(chosen)
    return reading


def _header(chosen: Chosen) -> None:
    if chosen.radiograph.dicom:
        dicom_panel(chosen.radiograph.dicom, chosen.radiograph.key)


def screening_now(chosen: Chosen, reading: Reading, choice: PopulationChoice | None = None) -> Screening:
    """The decision at the threshold in force."""
    choice = choice or chosen.population_choice() or "auto"
    point = reading.operating_point(choice)
    return screening.decide(reading, choice, threshold_now(reading, point), Promise())


# Three fragments: dragging the threshold redraws neither the picture nor the exports.


@st.fragment
def _result(chosen: Chosen, reading: Reading) -> None:
    with told_in_words():
        above = st.container()
        choice = patient_control(chosen, reading.model.name)
        outcome = screening_now(chosen, reading, choice)
        with above:
            decision(outcome)
            triage_line(outcome)
        threshold_control(reading, outcome.point)
        evidence(outcome)
        for warning in outcome.warnings:
            st.warning(plain(warning), icon=":material/info:")
        announce(
            f"{LOOKS[outcome.label].headline}. {NUMBER} {probability_text(reading.probability)}, threshold "
            f"{outcome.threshold:.3f}.",
            chosen.radiograph.key,
        )
        links.show(threshold=None if outcome.is_at_the_point else f"{outcome.threshold:.3f}")


@st.fragment
def _exports(chosen: Chosen, reading: Reading) -> None:
    with told_in_words():
        downloads(chosen.radiograph, screening_now(chosen, reading))


@st.fragment
def _picture(chosen: Chosen, reading: Reading) -> None:
    with told_in_words():
        heatmap(chosen.radiograph, reading)

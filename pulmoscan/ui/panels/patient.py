"""Whom the radiograph shows, child or adult: asked before any decision where the file does not tell."""

from __future__ import annotations

import streamlit as st

from pulmoscan.population import POPULATIONS, Population, PopulationChoice, has_figures, of_patient
from pulmoscan.ui.panels.threshold import forget_thresholds
from pulmoscan.ui.state import session
from pulmoscan.ui.state.session import Chosen

NAMES: dict[Population, str] = {"child": "Child", "adult": "Adult"}


def ask_patient() -> None:
    """Two large buttons; the answer is kept for the session."""
    with st.container(key="ask", gap="small"):
        st.subheader("Child or adult?", anchor=False)
        st.markdown(
            "The file does not tell.",
            help="Children and adults have operating points and figures of their own. The answer is kept for this "
            "session and can be changed beside every decision.",
        )
        with st.container(horizontal=True):
            for population in POPULATIONS:
                st.button(
                    NAMES[population],
                    key=f"ask-{population}",
                    type="primary",
                    width="stretch",
                    on_click=session.answer_with,
                    args=(population,),
                )


def patient_control(chosen: Chosen, place: str) -> PopulationChoice:
    """Whose operating point applies, where that comes from, and a way to change it.

    Args:
        place: identifies the page.
    """
    age = chosen.radiograph.source.age
    choice = chosen.population_choice() or "auto"
    now = of_patient(choice, age)

    def take() -> None:
        chosen.told = st.session_state[key]
        forget_thresholds()  # another population brings its operating point, not the threshold left at before
        if age is None and chosen.sample is None:
            session.answer_with(chosen.told)

    key = f"patient-{place}-{chosen.radiograph.key}-{now}"
    st.segmented_control(
        "Patient",
        POPULATIONS,
        default=now,
        required=True,
        format_func=NAMES.__getitem__,
        key=key,
        on_change=take,
        width="stretch",
        help="Children and adults have operating points and figures of their own.",
    )
    st.caption(_source(chosen, now))
    return choice


def _source(chosen: Chosen, now: Population | None) -> str:
    age = chosen.radiograph.source.age
    if chosen.told is not None:
        return "As you said." if age is None else f"As you said; the file says {_years(age)}."
    if age is not None:
        return f"{_years(age).capitalize()}, from the file." + ("" if has_figures(age) else " No figures for this age.")
    if chosen.sample and chosen.sample.population:
        return "As the gallery says."
    return f"{NAMES[now]}, as you said for this session." if now else ""


def _years(age: float) -> str:
    return f"{int(age)} years" if age >= 2 else f"{int(12 * age)} months"


def population_of_all(label: str, place: str, explanation: str, asked: bool) -> PopulationChoice:
    """Whom radiographs show whose files do not tell, where one answer holds for many; `auto` until it is given.

    Args:
        asked: whether there are such files.
    """
    if not asked:
        return "auto"

    def take() -> None:
        session.answer_with(st.session_state[f"population-{place}"])

    st.segmented_control(
        label,
        POPULATIONS,
        default=session.answer(),
        format_func={"child": "Children", "adult": "Adults"}.__getitem__,
        key=f"population-{place}",
        on_change=take,
        help=explanation,
    )
    return session.answer() or "auto"

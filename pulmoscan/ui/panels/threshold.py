"""The population, the threshold, and what was measured there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import streamlit as st

from pulmoscan.population import GROUPS, POPULATION_CHOICES, OperatingPoint, PopulationChoice
from pulmoscan.screening import Reading
from pulmoscan.statistics.metrics import THRESHOLD_STEP, Estimate
from pulmoscan.ui.state import session

CHOICE_NAMES: dict[PopulationChoice, str] = {"auto": "By age", "child": "Child", "adult": "Adult"}


def population_control(reading: Reading) -> PopulationChoice:
    """Whose operating point applies, on a model's page."""
    return _choice(
        "Patient",
        reading.model.name,
        "“By age” goes by the age in the file. Where the file does not tell, the more sensitive of the two operating "
        "points applies.",
        lambda: _reset(reading),  # another population brings its operating point, not the threshold left at before
        width="stretch",
    )


def population_of_all(label: str, page: str, explanation: str) -> PopulationChoice:
    """The same choice where it holds for several models or radiographs."""
    return _choice(label, page, explanation)


def _choice(
    label: str,
    place: str,
    explanation: str,
    then: Callable[[], None] = lambda: None,
    width: Literal["content", "stretch"] = "content",
) -> PopulationChoice:
    """The choice is the session's, wherever it is made; `then` runs once it is taken."""

    def take() -> None:
        st.session_state.population = st.session_state[f"population-{place}"]
        then()

    return st.segmented_control(
        label,
        POPULATION_CHOICES,
        default=session.population(),
        required=True,
        format_func=CHOICE_NAMES.__getitem__,
        key=f"population-{place}",
        on_change=take,
        width=width,
        help=explanation,
    )


def threshold_now(reading: Reading, population: PopulationChoice) -> float:
    """The threshold in force, before its slider is drawn."""
    point = reading.operating_point(population)
    return st.session_state.setdefault(_key(reading, point), point.threshold)


def threshold_control(reading: Reading, population: PopulationChoice) -> None:
    """The slider, the way back to the operating point, and the figures measured at the threshold."""
    point = reading.operating_point(population)
    threshold: float = st.slider(
        "Threshold", 0.0, 1.0, step=THRESHOLD_STEP, format="%.3f", key=_key(reading, point), persist_state="session"
    )
    moved = abs(threshold - point.threshold) >= THRESHOLD_STEP / 2
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(
            f"Moved; the default is {point.threshold:.3f}."
            if moved
            else f"The operating point for {GROUPS[point.measured_on]}."
            if reading.model.fixed_here
            else "The operating point that its authors chose."
        )
        st.button("Back to the default", icon=":material/undo:", disabled=not moved, on_click=_reset, args=(reading,))
    _other_points(reading, point, threshold)
    _figures(reading, point, threshold)


PRESETS = {
    "maximum sensitivity": (
        ":material/shield:",
        "Finds still more pneumonias on validation, at the cost of many more false positives.",
    ),
    "balanced": (
        ":material/balance:",
        "Where sensitivity and specificity are alike on validation: fewer false positives, but more missed pneumonias.",
    ),
}
"""Icon and explanation of the operating points beside the default."""


def _other_points(reading: Reading, point: OperatingPoint, threshold: float) -> None:
    """The other operating points, one click away."""

    def take(chosen: float) -> None:
        st.session_state[_key(reading, point)] = chosen

    points = {name: at for name, at in reading.card.points(point.measured_on).items() if name in PRESETS}
    with st.container(horizontal=True):
        for name, at in points.items():
            icon, explanation = PRESETS[name]
            st.button(
                f"{name.capitalize()}, {at:.3f}",
                icon=icon,
                disabled=abs(threshold - at) < THRESHOLD_STEP / 2,
                on_click=take,
                args=(at,),
                key=f"{name}-{reading.model.name}",
                help=explanation,
            )


def _figures(reading: Reading, point: OperatingPoint, threshold: float) -> None:
    scores = reading.card.scores.get((point.measured_on, "validation"))
    if scores is None:
        st.caption(f"Nothing was measured on the validation split of {GROUPS[point.measured_on]} with these weights.")
        return
    measured = scores.at(threshold)
    n = len(scores.normal) + len(scores.pneumonia)
    st.markdown(
        f"At threshold {threshold:.3f}, on {n} radiographs of **{GROUPS[point.measured_on]}** (validation split):"
    )
    with st.container(horizontal=True):
        _figure("Sensitivity", measured.sensitivity, "pneumonias found")
        _figure("Specificity", measured.specificity, "normals cleared")
    if test := reading.card.scores.get((point.measured_on, "test")):
        # At the operating point alone: whoever set the threshold by test figures would have none left.
        seen = test.at(point.threshold)
        st.caption(
            f"On test radiographs, at the default threshold of {point.threshold:.3f}: sensitivity "
            f"{seen.sensitivity.percent}, specificity {seen.specificity.percent}."
        )


def _figure(name: str, figure: Estimate, what: str) -> None:
    with st.container(gap=None):
        if figure.n == 0:
            st.metric(name, "n/a")
            return
        st.metric(name, f"{100 * figure.estimate:.1f} %")
        st.caption(
            f"95 % interval {100 * figure.low:.1f} to {100 * figure.high:.1f}  \n"
            f"{round(figure.estimate * figure.n)} of {figure.n} {what}"
        )


def _key(reading: Reading, point: OperatingPoint) -> str:
    """Each model and population has a slider of its own, so a threshold moved for one stays out of the others."""
    return f"threshold-{reading.model.name}-{point.population}"


def _reset(reading: Reading) -> None:
    point = reading.operating_point(session.population())
    st.session_state[_key(reading, point)] = point.threshold

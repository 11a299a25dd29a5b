"""The threshold: a slider on a scale of log-odds, a number, and the operating points a press away."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from pulmoscan.export.words import probability_text
from pulmoscan.population import OperatingPoint
from pulmoscan.screening import Reading
from pulmoscan.statistics.metrics import THRESHOLD_STEP
from pulmoscan.ui.state import links

_FOLDER = Path(__file__).parent
_scale = st.components.v2.component(
    "pulmoscan.threshold",
    html=(_FOLDER / "threshold.html").read_text(encoding="utf-8"),
    css=(_FOLDER / "threshold.css").read_text(encoding="utf-8"),
    js=(_FOLDER / "threshold.js").read_text(encoding="utf-8"),
)

PREFIX, SCALE = "threshold-", "-scale"
"""Of the keys of thresholds in the session, and of their sliders."""

POINTS = {
    "maximum sensitivity": (
        "Maximum",
        "Finds still more pneumonias on validation, at the cost of many more false positives.",
    ),
    "high sensitivity": ("High sensitivity", "Where the page begins: set for a sensitivity on validation."),
    "balanced": (
        "Balanced",
        "Where sensitivity and specificity are alike on validation: fewer false positives, but more missed pneumonias.",
    ),
}
"""Button and explanation of each operating point."""


def threshold_now(reading: Reading, point: OperatingPoint) -> float:
    """The threshold in force, before its slider is drawn."""
    key = _key(reading, point)
    if key not in st.session_state:
        linked = links.number_opened_with("threshold", 0, 1)
        st.session_state[key] = point.threshold if linked is None else round(linked, 3)
    return float(st.session_state[key])


def threshold_control(reading: Reading, point: OperatingPoint) -> None:
    """The slider with the score on its scale, and the operating points."""
    key = _key(reading, point)
    points = reading.card.points(point.measured_on)
    threshold_slider(key, list(points.values()), reading.probability)
    with st.container(horizontal=True, gap="xsmall", key="points"):
        for name, at in points.items():
            title, explanation = POINTS[name] if reading.model.fixed_here else ("Authors' point", "As published.")
            in_force = abs(st.session_state[key] - at) < THRESHOLD_STEP / 2
            st.button(
                title,
                type="primary" if in_force else "secondary",
                on_click=_take,
                args=(key, at),
                key=f"{name}-{reading.model.name}",
                help=f"{at:.3f}. {explanation}",
            )


def threshold_slider(key: str, points: Sequence[float], score: float | None = None) -> None:
    """The slider alone; the threshold is `st.session_state[key]`, which must be set.

    Args:
        points: marked on the scale.
        score: pinned on it.
    """
    component = f"{key}{SCALE}"

    def take() -> None:
        moved = st.session_state[component].get("threshold")
        if moved is not None:
            st.session_state[key] = float(moved)

    _scale(
        key=component,
        on_threshold_change=take,
        data={
            "threshold": st.session_state[key],
            "points": tuple(points),
            "score": score,
            "words": probability_text(score) if score is not None else "",
        },
    )


def forget_thresholds() -> None:
    """Back to the operating points, on every model's page."""
    for key in [str(key) for key in st.session_state if str(key).startswith(PREFIX)]:
        if not key.endswith(SCALE):
            del st.session_state[key]


def _take(key: str, threshold: float) -> None:
    st.session_state[key] = threshold


def _key(reading: Reading, point: OperatingPoint) -> str:
    """Each model and population has a threshold of its own, so one that was moved for one stays out of the others."""
    return f"{PREFIX}{reading.model.name}-{point.population}"

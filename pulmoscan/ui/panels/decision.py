"""The decision in words, colour and icon, what it means, and the figures that it rests on."""

from __future__ import annotations

import streamlit as st

from pulmoscan.export.evidence import Measured, figures_of
from pulmoscan.export.meaning import DEFAULT_PREVALENCE, likelihood, of_a_hundred
from pulmoscan.export.words import CALIBRATION, CLEARED_NOTE, LOOKS, NUMBER, probability_text
from pulmoscan.screening import Screening
from pulmoscan.statistics.metrics import Estimate


def decision(screening: Screening) -> None:
    """What follows from the reading at the threshold."""
    suspected = screening.label == "pneumonia"
    look = LOOKS[screening.label]
    icon, colour = (":material/warning:", "orange") if suspected else (":material/check_circle:", "green")
    calibrated = screening.reading.model.measure == "probability"
    with st.container(key=f"decision-{screening.label}", gap="xsmall"):
        st.subheader(f":{colour}[{icon} {look.headline}]", anchor=False)
        st.markdown(
            f"{NUMBER} **{probability_text(screening.reading.probability)}**, {look.relation} the threshold of "
            f"**{screening.threshold:.3f}**.",
            help=CALIBRATION if calibrated else "A score on a scale of the model's authors.",
        )


def prevalence_control() -> float:
    """Share of pneumonias among such patients, in (0, 1); the reader's to set."""
    value: float = st.number_input(
        "Prevalence (%)",
        0.1,
        90.0,
        100 * DEFAULT_PREVALENCE,
        step=1.0,
        format="%.1f",
        key="prevalence",
        persist_state="session",
        width=150,
        help=f"How many of such patients have pneumonia. {100 * DEFAULT_PREVALENCE:.0f} % is a round number to begin "
        "with: put in your own.",
    )
    return value / 100


def evidence(screening: Screening) -> None:
    """What the call means, and the figures at the threshold; or why there are none."""
    measured = figures_of(screening)
    if not isinstance(measured, Measured):
        st.info(measured.reason, icon=":material/query_stats:")
        return
    means = st.container()
    prevalence = prevalence_control()
    with means:
        st.markdown(f"{likelihood(measured, screening.label)} {of_a_hundred(measured, screening.label, prevalence)}")
        if screening.label == "normal":
            st.caption(CLEARED_NOTE)
    st.html(figures_table(measured))


def figures_table(measured: Measured) -> str:
    """HTML of the figures at one threshold with intervals and counts."""
    counts = measured.counts
    at = f"at the operating point “{measured.name}”" if measured.name else "at a threshold that is no operating point"
    rows = (
        _row("Sensitivity", counts.sensitivity, f"{counts.true_positives} of {counts.positives}"),
        _row("Specificity", counts.specificity, f"{counts.true_negatives} of {counts.negatives}"),
    )
    return (
        f'<table class="figures"><caption>{measured.basis.capitalize()}, {at}</caption>'
        '<thead><tr><th scope="col">figure</th><th scope="col">estimate</th><th scope="col">95 % interval</th>'
        f'<th scope="col">count</th></tr></thead><tbody>{"".join(rows)}</tbody></table>'
    )


def _row(name: str, figure: Estimate, count: str) -> str:
    if figure.n == 0:
        return f'<tr><th scope="row">{name}</th><td>not measured</td><td></td><td></td></tr>'
    return (
        f'<tr><th scope="row">{name}</th><td><b>{100 * figure.estimate:.1f} %</b></td>'
        f"<td>{100 * figure.low:.1f} to {100 * figure.high:.1f}</td><td>{count}</td></tr>"
    )

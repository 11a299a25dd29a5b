"""The decision in words, colour and icon, and the probability on a scale with the threshold."""

from __future__ import annotations

import streamlit as st

from pulmoscan.export.words import CLEARED_NOTE, LOOKS, number_name, probability_text
from pulmoscan.screening import Screening


def decision(screening: Screening) -> None:
    """What follows from the reading at the threshold."""
    suspected = screening.label == "pneumonia"
    look = LOOKS[screening.label]
    icon, colour = (":material/warning:", "orange") if suspected else (":material/check_circle:", "green")
    probability = probability_text(screening.reading.probability)
    with st.container(key=f"decision-{screening.label}", gap="xsmall"):
        st.subheader(f":{colour}[{icon} {look.headline}]", anchor=False)
        st.markdown(
            f"{number_name(screening)} **{probability}**, {look.relation} the threshold of "
            f"**{screening.threshold:.3f}**."
        )
        st.html(scale(screening.reading.probability, screening.threshold, screening.reading.model.measure))
    if not suspected:
        st.caption(CLEARED_NOTE)


def scale(probability: float, threshold: float, measure: str = "probability") -> str:
    """HTML of a scale from 0 to 1: a pin at the probability, a line at the threshold; styled in style.css."""
    described = f"Scale from 0 to 1: {measure} {probability_text(probability)}, threshold {threshold:.3f}."
    return (
        f'<div class="scale" role="img" aria-label="{described}">'
        f'<div class="scale-label" style="left:{_within(threshold)}%">threshold</div>'
        f'<div class="scale-bar" style="--threshold:{100 * threshold:.2f}%">'
        f'<div class="scale-threshold"></div><div class="scale-pin" style="left:{100 * probability:.2f}%"></div></div>'
        f'<div class="scale-ends"><span>0</span><span>{measure}</span><span>1</span></div></div>'
    )


def _within(position: float) -> float:
    """Where to centre a label so that it does not leave the scale, in per cent."""
    return round(min(max(100 * position, 10), 90), 2)

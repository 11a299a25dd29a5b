"""What the page says instead of a probability where the gate does not let a picture through."""

from __future__ import annotations

import streamlit as st

from pulmoscan.examination.gate import TURNS, Correction, Refusal
from pulmoscan.ui.panels.heatmap import radiograph_alone
from pulmoscan.ui.state import session
from pulmoscan.ui.state.session import Chosen


def let_through(chosen: Chosen) -> bool:
    """Whether the picture in view may be screened; draws the refusal or, where it was overridden, the mark of that."""
    with st.spinner("Looking for the lungs …"):
        refusal = chosen.examination().refusal
    if refusal is None:
        return True
    if chosen.overridden:
        _override_mark(refusal)
    else:
        _refusal_panel(chosen, refusal)
    return chosen.overridden


def _refusal_panel(chosen: Chosen, refusal: Refusal) -> None:
    """The reason, the mend, the picture itself, and a way past the gate for this one picture."""
    reason, picture = st.columns([5, 9], gap="large")
    with reason, st.container(key="refusal", gap="small"):
        headline = "Needs correction" if refusal.correction else "Not screened"
        st.subheader(f":red[:material/block: {headline}]", anchor=False)
        st.markdown(f"{refusal.finding} It gets no probability.")
        st.markdown(f"**{refusal.advice}**")
        if refusal.correction:
            st.button(
                button_text(refusal.correction),
                icon=":material/auto_fix_high:",
                type="primary",
                on_click=session.correct,
                args=(refusal.correction,),
                key="correct",
            )
        st.button("Screen it all the same", on_click=session.override, args=(True,), key="override")
        st.caption(
            "The check can be wrong. What is screened all the same is marked as such, here and in every export, and "
            "its probability may mean nothing."
        )
    with picture:
        radiograph_alone(chosen.radiograph)


def button_text(correction: Correction) -> str:
    """What a click does: “Turn by 180°”, “Turn by 90° to the right and invert”."""
    turn = f"turn by {TURNS[correction.turns]}" if correction.turns else ""
    text = " and ".join(part for part in (turn, "invert the grey values" if correction.inverts else "") if part)
    return text[:1].upper() + text[1:]


def _override_mark(refusal: Refusal) -> None:
    """Stands above a result that was given in spite of a refusal, for as long as it is in view."""
    with st.container(key="overridden", horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/block: **Screened although it was refused.** {refusal.finding}")
        st.button("Undo", icon=":material/undo:", on_click=session.override, args=(False,), key="obey")

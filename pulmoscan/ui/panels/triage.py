"""The triage in three ways, below the decision; and whose profile is in force."""

from __future__ import annotations

import streamlit as st

from pulmoscan.export.words import TRIAGE_WORDS, bounds_text, probability_text
from pulmoscan.screening import Screening
from pulmoscan.ui.frame import plain


def triage_line(screening: Screening) -> None:
    """What the triage says, with its bounds one click away; nothing where there are none."""
    if site := screening.reading.site:
        found = screening.reading.site_probability
        among = f"; probability among its patients **{probability_text(found)}**" if found is not None else ""
        st.caption(f"Site profile {plain(site.label)}{among}.")
    if call := screening.triage_call:
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="triage-line"):
            st.markdown(f"Triage: **{TRIAGE_WORDS[call]}**")
            with st.popover("Bounds", icon=":material/rule:"):
                said = bounds_text(screening)
                st.markdown(plain(f"{said[0].upper()}{said[1:]}."))

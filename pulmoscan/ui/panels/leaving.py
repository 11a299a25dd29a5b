"""The browser asks before a page is loaded anew or closed that holds what cannot be had again."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_guard = st.components.v2.component(
    "pulmoscan.leaving", js=Path(__file__).with_name("leaving.js").read_text(encoding="utf-8")
)


def ask_before_leaving(place: str) -> None:
    """For as long as this is drawn; a session lives in its tab alone.

    Args:
        place: identifies the page in the session.
    """
    _guard(key=f"{place}-leaving", data={})

"""A live region that reads decisions out, and the way of the focus to a new result; see announce.js."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_live = st.components.v2.component(
    "pulmoscan.announce",
    html='<div role="status" aria-live="polite"></div>',
    css=":host { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }",
    js=Path(__file__).with_name("announce.js").read_text(encoding="utf-8"),
)


def announce(words: str, subject: str) -> None:
    """Say it to those who do not see the page.

    Args:
        subject: identifies what is in view; when it changes the focus goes to the container `result`.
    """
    _live(key="announcer", data={"words": words, "subject": subject})

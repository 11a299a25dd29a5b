"""The pages and the way between them."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pulmoscan.models.registry import MODELS
from pulmoscan.settings import node_file

WORKBENCH = {"compare": "Compare", "threshold_lab": "Threshold lab", "batch": "Batch", "history": "History"}
"""The researcher's pages: file and title."""
SITE = {"acceptance": "Acceptance", "blind_reading": "Blind reading", "second_reader": "Second reader"}
"""The pages for a site's own evidence: file and title."""
ICON = Path(__file__).with_name("icon.svg")


def navigation() -> st.Page:
    """The page that the user asked for; for Home.py to run."""
    st.session_state.navigated = True
    # No icons here: a page's icon is its favicon too, and Streamlit fetches that one from Google.
    pages = [st.Page("pages/overview.py", title="Overview", default=True)]
    pages += [st.Page(f"pages/{spec.name}.py", title=f"{spec.title} · {spec.role}") for spec in MODELS.values()]
    if node_file():
        pages.append(st.Page("pages/worklist.py", title="Worklist"))
    workbench = [st.Page(f"pages/{file}.py", title=title) for file, title in WORKBENCH.items()]
    others = [st.Page("pages/torchxrayvision.py", title="torchxrayvision"), st.Page("pages/about.py", title="About")]
    site = [st.Page(f"pages/{file}.py", title=title) for file, title in SITE.items()]
    sections = {"": pages, "Workbench": workbench, "Your site": site, "More": others}
    return st.navigation(sections, position="top")


def go_through_home() -> None:
    """Leave a page that was run without Home.py, and come back to it through Home.py.

    Until a server has seen `st.navigation` once, Streamlit runs a file in pages/ by itself when its address is the
    first to be asked for.
    """
    if "navigated" not in st.session_state:
        navigation()
        st.rerun()

"""What stands in the address, so that a page can be sent on or reloaded: the gallery's case, the threshold, and the
lab's prevalence.

Never anything of a radiograph that a user brought: neither its name nor what was found in it.
"""

from __future__ import annotations

import streamlit as st


def opened_with(name: str) -> str | None:
    """What the address says of it when a session begins; None from the second time on, and where it says nothing."""
    taken: set[str] = st.session_state.setdefault("links_taken", set())
    if name in taken:
        return None
    taken.add(name)
    return st.query_params.get(name)


def number_opened_with(name: str, low: float, high: float) -> float | None:
    """The same as a number in its limits."""
    try:
        number = float(opened_with(name) or "")
    except ValueError:
        return None
    return number if low <= number <= high else None


def show(**values: str | None) -> None:
    """Put values into the address; None takes one out."""
    for name, value in values.items():
        if value is None:
            if name in st.query_params:
                del st.query_params[name]
        elif st.query_params.get(name) != value:
            st.query_params[name] = value

"""What every page has: the style sheet, the title, the disclaimer, and errors told in words."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st

from pulmoscan import DISCLAIMER
from pulmoscan.errors import PulmoScanError
from pulmoscan.errors.traces import log_unforeseen
from pulmoscan.ui.navigation import go_through_home

UNFORESEEN = (
    "Something went wrong that should not have. Reload the page and try again; if it comes back, please report it "
    "with the last lines of the terminal that the app runs in."
)

logger = logging.getLogger(__name__)


@contextmanager
def page(title: str, explanation: str) -> Iterator[None]:
    """Head of a page; what the body raises is shown as a message.

    Args:
        explanation: what the page is for; it waits behind the title's question mark.
    """
    go_through_home()
    st.html(Path(__file__).with_name("style.css"))
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="head"):
        st.title(title, anchor=False, help=explanation, width="content")
        st.html(f'<div class="disclaimer" role="note">{DISCLAIMER}</div>', width="content")
    with told_in_words():
        yield


@contextmanager
def told_in_words() -> Iterator[None]:
    """Show errors raised inside as a message that says the mend, and never a traceback.

    A page's body has one; so has each fragment, since a fragment also reruns by itself.
    """
    try:
        yield
    except PulmoScanError as error:
        st.error(str(error), icon=":material/error:")
    except Exception as error:
        log_unforeseen(logger, "on a page", error)
        st.error(UNFORESEEN, icon=":material/error:")


def plain(text: str) -> str:
    """Text from outside, such as a file's name, as Markdown that means nothing but itself."""
    return "".join(f"\\{c}" if c in r"\`*_[]<>#|~$:" else c for c in text)

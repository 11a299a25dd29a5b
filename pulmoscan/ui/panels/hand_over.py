"""Buttons that make a file when they are pressed and hand it to the browser, or say why they cannot.

`st.download_button` with data made on demand knows each button by a number that changes with every run of the page: for
half a second after any change the browser asks for one that is gone, and nothing happens
(https://github.com/streamlit/streamlit/issues/8932). A plain button's press is never lost. It comes with all that was
changed before it, the file is made of that in the same run, and travels to the browser as data of a component that
saves it.
"""

from __future__ import annotations

import base64
import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from pulmoscan.errors import PulmoScanError
from pulmoscan.errors.traces import log_unforeseen

_carrier = st.components.v2.component(
    "pulmoscan.hand_over", js=Path(__file__).with_name("hand_over.js").read_text(encoding="utf-8")
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Export:
    """A file that can be asked for.

    Attributes:
        key: identifies it among those of its place.
        name: of the file.
        make: its content; may raise anything.
    """

    key: str
    title: str
    name: str
    mime: str
    make: Callable[[], bytes | str]
    icon: str | None = None


@dataclass(frozen=True, eq=False)
class _Made:
    """A file on its way to the browser."""

    number: str
    name: str
    mime: str
    content: bytes


def export_buttons(place: str, exports: Sequence[Export]) -> None:
    """A button for each; `deliver` does what they ask for.

    Args:
        place: identifies this row of buttons in the session.
    """
    for export in exports:
        st.button(export.title, icon=export.icon, key=f"{place}-{export.key}", on_click=_ask, args=(place, export.key))


def deliver(place: str, exports: Sequence[Export]) -> None:
    """Make what was asked for and hand it over; draws nothing else, but for an error or while it is made."""
    asked = st.session_state.pop(_asked(place), None)
    export = next((export for export in exports if export.key == asked), None)
    if export is not None:
        st.session_state.pop(_made(place), None)
        with st.spinner(f"Making the file “{export.title}” …"):
            try:
                content = export.make()
            except PulmoScanError as error:
                st.error(str(error), icon=":material/error:")
            except Exception as error:  # MemoryError is among them
                log_unforeseen(logger, f"while making the export {export.key}", error)
                st.error(
                    f"“{export.title}” could not be made of this radiograph ({type(error).__name__}). Try another "
                    "format, and please report it with the last lines of the terminal that the app runs in.",
                    icon=":material/error:",
                )
            else:
                data = content.encode() if isinstance(content, str) else content
                st.session_state[_made(place)] = _Made(uuid.uuid4().hex, export.name, export.mime, data)
    made: _Made | None = st.session_state.get(_made(place))
    if made is not None:
        _carrier(
            key=f"{place}-carrier",
            data={
                "number": made.number,
                "name": made.name,
                "mime": made.mime,
                "content": base64.b64encode(made.content).decode(),
            },
            on_taken_change=lambda: st.session_state.pop(_made(place), None),
        )


def _ask(place: str, key: str) -> None:
    st.session_state[_asked(place)] = key


def _asked(place: str) -> str:
    return f"{place}-asked"


def _made(place: str) -> str:
    return f"{place}-made"

"""The page "Blind reading": readers label a sample by key, with scores, names and each other hidden."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

import pandas as pd
import streamlit as st

from pulmoscan.errors import RadiographError
from pulmoscan.reading.intake import Item
from pulmoscan.site.readers import Call, Study
from pulmoscan.ui.frame import page, plain
from pulmoscan.ui.panels.hand_over import Export, deliver, export_buttons
from pulmoscan.ui.sample import sample, shown

SUBTITLE = "The reference for an acceptance test: read your radiographs without any score, alone or with colleagues."
ANSWERS: tuple[tuple[str, str, Call], ...] = (("Pneumonia", "p", 1), ("None", "n", 0))
"""Button, key and call."""
QUICKEST = 0.3
"""Seconds between two calls."""


@dataclass(eq=False)
class Reading:
    """What the session reads.

    Attributes:
        reader: whose turn it is; empty between two.
    """

    items: list[Item]
    study: Study
    reader: str = ""
    last: float = 0.0

    def give(self, reader: str, position: int, call: Call) -> None:
        """A reader's call; one that comes sooner than a picture can be seen is a key that was pressed twice."""
        now = time.monotonic()
        if now - self.last >= QUICKEST:
            self.study.give(reader, position, call)
            self.last = now

    def left(self, reader: str) -> int:
        return len(self.items) - len(self.study.calls.get(reader, {}))


def current() -> Reading | None:
    """The session's reading, if any."""
    return st.session_state.get("blind-reading")


def blind_reading_page() -> None:
    """The page."""
    with page("Blind reading", SUBTITLE):
        reading = current()
        if reading is None:
            _begin()
        elif reading.reader and reading.study.next(reading.reader) is not None:
            _read(reading)
        else:
            _between(reading)


def _begin() -> None:
    st.info(
        "Choose radiographs; a random sample of them is drawn, and each reader goes through it in another order. "
        "Keys: P pneumonia, N none, B back. Nothing leaves this machine.",
        icon=":material/visibility_off:",
    )
    if drawn := sample("blind"):
        items, seed = drawn
        items = [item for item in items if _can_be_shown(item)]
        st.session_state["blind-reading"] = Reading(items, Study([item.name for item in items], seed))
        st.rerun()


def _can_be_shown(item: Item) -> bool:
    """Whether it is a radiograph at all; those that are none are left out of the sample, and said."""
    from pulmoscan.batch.outcomes import load

    try:
        load(item)
    except RadiographError as error:
        st.toast(f"Left out: {plain(str(error))}")
        return False
    return True


def _read(reading: Reading) -> None:
    """One radiograph, and the answers."""
    position = reading.study.next(reading.reader)
    if position is None:
        return
    done = len(reading.items) - reading.left(reading.reader)
    st.progress(done / len(reading.items), text=f"{plain(reading.reader)}: {done + 1} of {len(reading.items)}")
    with st.container(horizontal=True, gap="small", key="blind-answers"):
        for title, key, call in ANSWERS:
            st.button(
                title,
                shortcut=key,
                type="primary",
                key=f"blind-{key}",
                on_click=reading.give,
                args=(reading.reader, position, call),
            )
        st.button(
            "Back", shortcut="b", key="blind-back", disabled=not done, on_click=reading.study.take_back,
            args=(reading.reader,),
        )  # fmt: skip
        st.button("Pause", icon=":material/pause:", key="blind-pause", on_click=partial(_turn, reading, ""))
    shown(reading.items[position], "blind")


def _turn(reading: Reading, reader: str) -> None:
    reading.reader = reader


def _between(reading: Reading) -> None:
    """Who reads next; and once all have read, how they agree and what is left to settle."""
    study = reading.study
    st.markdown(f"A sample of **{len(reading.items)}** radiographs.")
    for reader in sorted(study.calls):
        left = reading.left(reader)
        st.markdown(f"- {plain(reader)}: {'has read all' if not left else f'{left} left'}")
    with st.form("blind-reader", border=False), st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        name = st.text_input("Reader", key="blind-name", width=260, help="Two or more show how sure the reference is.")
        if st.form_submit_button("Read", type="primary", icon=":material/play_arrow:") and name.strip():
            _turn(reading, name.strip())
            st.rerun()
    if any(not reading.left(reader) for reader in study.calls):
        _agreement(study)
        if study.open:
            _adjudicate(reading, study.open[0])
        _take_away(study)
    st.button("Clear and draw another sample", icon=":material/close:", key="blind-clear", on_click=_clear)


def _agreement(study: Study) -> None:
    rows = [
        (first, second, kappa.n, kappa.decimal if kappa.n else "not defined") for first, second, kappa in study.kappas
    ]
    if rows:
        st.markdown("**Agreement beyond chance** (Cohen's kappa)")
        st.dataframe(pd.DataFrame(rows, columns=["reader", "and", "radiographs", "kappa"]), hide_index=True)
        st.markdown(f"They differ on **{len(study.disagreements)}**; {len(study.open)} of them are not settled yet.")


def _adjudicate(reading: Reading, position: int) -> None:
    """One on which readers differ: settled together, or by a third."""
    st.subheader("To settle", anchor=False)
    with st.container(horizontal=True, gap="small", key="blind-settle"):
        for title, key, call in ANSWERS:
            st.button(
                title,
                shortcut=key,
                key=f"settle-{key}",
                on_click=reading.study.adjudicated.__setitem__,
                args=(position, call),
            )
    shown(reading.items[position], "blind")


def _take_away(study: Study) -> None:
    labels = study.labels
    st.markdown(
        f"**{len(labels)}** radiographs have a label: {sum(labels.values())} with pneumonia, "
        f"{len(labels) - sum(labels.values())} without. Give the table to the acceptance test."
    )
    exports = [Export("labels", "Labels (CSV)", "labels.csv", "text/csv", study.table, ":material/download:")]
    export_buttons("blind-export", exports)
    deliver("blind-export", exports)


def _clear() -> None:
    st.session_state["blind-reading"] = None

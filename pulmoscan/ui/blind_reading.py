"""The page "Blind reading": readers label a sample by key, with scores, names and each other hidden."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import pandas as pd
import streamlit as st

from pulmoscan.batch.outcomes import load
from pulmoscan.errors import FilesMissing, RadiographError
from pulmoscan.reading.intake import Item
from pulmoscan.site.readers import Call, Study, read_study
from pulmoscan.ui.frame import page, plain
from pulmoscan.ui.panels.hand_over import Export, deliver, export_buttons
from pulmoscan.ui.panels.leaving import ask_before_leaving
from pulmoscan.ui.sample import all_items, sample, shown
from pulmoscan.ui.state.seen import Seen

SUBTITLE = "The reference for an acceptance test: read your radiographs without any score, alone or with colleagues."
ANSWERS: tuple[tuple[str, str, Call], ...] = (("Pneumonia", "p", 1), ("None", "n", 0))
"""Button, key and call."""
SETTLING = ""
"""Who settles where readers differ; no reader has that name."""


@dataclass(eq=False)
class Reading:
    """What the session reads.

    Attributes:
        reader: whose turn it is; empty between two.
        seen: reader and position of the picture in view; no answer to another one counts.
        unread: files of the sample that could not be shown, and why.
    """

    items: list[Item]
    study: Study
    reader: str = ""
    seen: Seen = field(default_factory=Seen)
    unread: list[tuple[str, str]] = field(default_factory=list)

    def give(self, reader: str, position: int, call: Call) -> None:
        """A reader's call of the picture in view."""
        if self.seen.enough((reader, position)):
            self.study.give(reader, position, call)

    def back(self, reader: str, position: int) -> None:
        """Forget a reader's call before the picture in view."""
        if self.seen.enough((reader, position)):
            self.study.take_back(reader)

    def settle(self, position: int, call: Call) -> None:
        """What was agreed on of the picture in view."""
        if self.seen.enough((SETTLING, position)):
            self.study.adjudicated[position] = call

    def unsettle(self) -> None:
        """Forget what was settled last."""
        if self.study.adjudicated:
            self.study.adjudicated.popitem()


def current() -> Reading | None:
    """The session's reading, if any."""
    return st.session_state.get("blind-reading")


def blind_reading_page() -> None:
    """The page."""
    with page("Blind reading", SUBTITLE):
        reading = current()
        if reading is None:
            _begin()
            return
        if reading.study.calls:
            ask_before_leaving("blind")
        if reading.reader and reading.study.next(reading.reader) is not None:
            _read(reading)
        else:
            _between(reading)


def _begin() -> None:
    st.info(
        "Choose radiographs; a random sample of them is drawn, and each reader goes through it in another order. "
        "Keys: P pneumonia, N none, B back. Nothing leaves this machine.",
        icon=":material/visibility_off:",
    )
    items, strata = all_items("blind")
    saved = st.file_uploader(
        "Calls so far (JSON), to go on with",
        type=["json"],
        key="blind-saved",
        help="What this page saved before, with the same radiographs above.",
    )
    if saved is not None and items:
        study = read_study(saved.getvalue())
        if st.button("Go on", type="primary", icon=":material/play_arrow:", key="blind-go-on"):
            _keep(Reading(_items_of(study, items), study))
    elif saved is None and (drawn := sample(items, strata, "blind")):
        chosen, seed = drawn
        _keep(_looked_at(chosen, seed))


def _keep(reading: Reading) -> None:
    if not reading.items:
        why = plain(reading.unread[0][1]) if reading.unread else ""
        st.warning(f"None of the radiographs that were drawn can be shown. {why}", icon=":material/block:")
        return
    st.session_state["blind-reading"] = reading
    st.rerun()


def _items_of(study: Study, items: Sequence[Item]) -> list[Item]:
    """The radiographs of a sample that is gone on with, in its order.

    Raises:
        FilesMissing: some are not among those that were given.
    """
    known = {item.name: item for item in items}
    if missing := [name for name in study.files if name not in known]:
        raise FilesMissing(len(missing), len(study.files), missing[0])
    return [known[name] for name in study.files]


def _looked_at(items: Sequence[Item], seed: int) -> Reading:
    """The sample without what is no radiograph at all, so that no reader meets it."""
    kept, unread = list[Item](), list[tuple[str, str]]()
    bar = st.progress(0.0)
    for number, item in enumerate(items):
        bar.progress(number / len(items), text=f"Looking at what was drawn: {number} of {len(items)}")
        try:
            load(item)
            kept.append(item)
        except RadiographError as error:
            unread.append((item.name, str(error)))
    return Reading(kept, Study([item.name for item in kept], seed), unread=unread)


def _read(reading: Reading) -> None:
    """One radiograph, and the answers."""
    reader, study = reading.reader, reading.study
    position = study.next(reader)
    if position is None:
        return
    of = len(reading.items) - len(study.left_out)
    done = of - study.left(reader)
    st.progress(done / of, text=f"{plain(reader)}: {done + 1} of {of}")
    with st.container(horizontal=True, gap="small", key="blind-answers"):
        for title, key, call in ANSWERS:
            st.button(
                title,
                shortcut=key,
                type="primary",
                key=f"blind-{key}",
                on_click=reading.give,
                args=(reader, position, call),
            )
        st.button(
            "Back", shortcut="b", key="blind-back", disabled=not done, on_click=reading.back, args=(reader, position)
        )
        st.button("Pause", icon=":material/pause:", key="blind-pause", on_click=partial(_turn, reading, ""))
    _show(reading, reader, position)


def _show(reading: Reading, reader: str, position: int) -> None:
    """The picture; answers to it count from now on."""
    try:
        shown(reading.items[position], "blind")
    except RadiographError as error:
        st.warning(f"This radiograph cannot be shown. {plain(error.anonymous)}", icon=":material/block:")
        with st.container(horizontal=True, gap="small"):
            st.button("Try again", key="blind-again")
            st.button("Leave it out", key="blind-leave", on_click=reading.study.leave_out, args=(position,))
        return
    reading.seen.show((reader, position))


def _turn(reading: Reading, reader: str) -> None:
    reading.reader = reader


def _between(reading: Reading) -> None:
    """Who reads next; and once all have read, how they agree and what is left to settle."""
    study = reading.study
    st.markdown(f"A sample of **{len(reading.items) - len(study.left_out)}** radiographs.")
    if reading.unread:
        with st.expander(f"{len(reading.unread)} more cannot be shown and were left out", icon=":material/block:"):
            st.dataframe(pd.DataFrame(reading.unread, columns=["file", "why"]), hide_index=True)
    for reader in sorted(study.calls):
        _who(reading, reader)
    with st.form("blind-reader", border=False), st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        name = st.text_input("Reader", key="blind-name", width=260, help="Two or more show how sure the reference is.")
        asked = st.form_submit_button("Read", type="primary", icon=":material/play_arrow:") and bool(name.strip())
    if asked and (known := study.known(name)):
        st.warning(
            f"There is a reader {plain(known)} already. Go on as {plain(known)} with the button above, or give a name "
            "of your own: calls of two people under one name cannot be told apart.",
            icon=":material/group:",
        )
    elif asked:
        _turn(reading, " ".join(name.split()))
        st.rerun()
    if any(not study.left(reader) for reader in study.calls):
        _agreement(study)
        if study.open:
            _adjudicate(reading, study.open[0])
    _take_away(study)
    with st.popover("Clear and draw another sample", icon=":material/close:"):
        st.button("Forget all calls", key="blind-clear", on_click=_clear)


def _who(reading: Reading, reader: str) -> None:
    left = reading.study.left(reader)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"{plain(reader)}: {'has read all' if not left else f'{left} left'}", width="content")
        if left:
            st.button(f"Go on as {reader}", key=f"blind-as-{reader}", on_click=_turn, args=(reading, reader))


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
            st.button(title, shortcut=key, key=f"settle-{key}", on_click=reading.settle, args=(position, call))
        st.button(
            "Back", shortcut="b", key="settle-back", disabled=not reading.study.adjudicated, on_click=reading.unsettle
        )
    _show(reading, SETTLING, position)


def _take_away(study: Study) -> None:
    if not study.calls:
        return
    labels = study.labels
    st.markdown(
        f"**{len(labels)}** radiographs have a label: {sum(labels.values())} with pneumonia, "
        f"{len(labels) - sum(labels.values())} without. Give the table to the acceptance test."
    )
    icon = ":material/download:"
    exports = [
        Export("labels", "Labels (CSV)", "labels.csv", "text/csv", study.table, icon),
        Export("saved", "Calls so far (JSON)", "blind-reading.json", "application/json", study.saved, icon),
    ]
    with st.container(horizontal=True, gap="small"):
        export_buttons("blind-export", exports)
    deliver("blind-export", exports)
    st.caption(
        "This session is gone when the page is loaded anew. With the calls so far, and the same radiographs, you go on."
    )


def _clear() -> None:
    st.session_state["blind-reading"] = None

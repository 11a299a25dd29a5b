"""The page "Second reader": the reader calls first, then sees the model's answer, and calls again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pandas as pd
import streamlit as st

from pulmoscan.batch.outcomes import load
from pulmoscan.errors import RadiographError
from pulmoscan.population import PopulationChoice
from pulmoscan.reading.intake import Item
from pulmoscan.reading.radiograph import Radiograph
from pulmoscan.screening import Model, Screening, decide, load_model, read
from pulmoscan.site.labels import match, read_labels
from pulmoscan.site.readers import Call, Gain, Pair, gain, pairs_table
from pulmoscan.statistics.triage import Promise
from pulmoscan.ui.blind_reading import ANSWERS
from pulmoscan.ui.frame import page, plain
from pulmoscan.ui.panels.choices import model_choice, population_choice
from pulmoscan.ui.panels.decision import decision
from pulmoscan.ui.panels.hand_over import Export, deliver, export_buttons
from pulmoscan.ui.panels.heatmap import heatmap
from pulmoscan.ui.panels.leaving import ask_before_leaving
from pulmoscan.ui.panels.triage import triage_line
from pulmoscan.ui.sample import all_items, sample, shown
from pulmoscan.ui.state.seen import Seen

SUBTITLE = "You first, then the model: what do the two find together that you would not, and what does it cost?"


@dataclass(eq=False)
class Session:
    """What is read, and what was called so far.

    Attributes:
        first: the reader's call of the radiograph in view, before the model's answer; None until it is given.
        skipped: files that neither could read, and why.
        seen: the item in view and whether the model's answer is there too; no answer to anything else counts.
        screening: what the model says of an item.
        ended: the reader wants to read no more of the sample now.
    """

    items: list[Item]
    model: Model
    reader: str
    population: PopulationChoice
    pairs: list[Pair] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    first: Call | None = None
    began: float = field(default_factory=time.monotonic)
    called: float = 0.0
    seen: Seen = field(default_factory=Seen)
    screening: tuple[Item, Screening] | None = None
    ended: bool = False

    @property
    def item(self) -> Item | None:
        """The radiograph in view; None where all are read."""
        at = len(self.pairs) + len(self.skipped)
        return self.items[at] if at < len(self.items) else None

    def call(self, item: Item, call: Call) -> None:
        """The reader's first call. A button of the picture before, which may still be there, changes nothing."""
        if item is self.item and self.first is None and self.seen.enough((item, False)):
            self.first, self.called = call, time.monotonic()

    def settle(self, item: Item, screening: Screening, final: Call) -> None:
        """The reader's call with the model's answer in view; as `call`, of this picture alone."""
        if item is not self.item or self.first is None or not self.seen.enough((item, True)):
            return
        now = time.monotonic()
        self.pairs.append(
            Pair(
                file=item.name,
                reader=self.reader,
                first=self.first,
                model=int(screening.label == "pneumonia"),
                probability=round(screening.reading.probability, 6),
                threshold=screening.threshold,
                final=final,
                seconds=(self.called - self.began, now - self.called),
            )
        )
        self.first, self.began = None, now

    def skip(self, item: Item, why: str) -> None:
        """Leave out what cannot be read; once, however often it is asked for."""
        if item is self.item:
            self.skipped.append((item.name, why))
            self.first, self.began = None, time.monotonic()

    def end(self, now: bool) -> None:
        """Stop before the sample's end, or go on; who has seen the model's answer cannot make the first call anew."""
        self.ended, self.began = now, time.monotonic()

    def screened(self, item: Item, radiograph: Radiograph) -> Screening:
        """The model runs once for each radiograph, however often the page does."""
        if self.screening is None or self.screening[0] is not item:
            self.screening = item, decide(read(radiograph, self.model), self.population, promise=Promise())
        return self.screening[1]


def current() -> Session | None:
    """The session's reading, if any."""
    return st.session_state.get("second-reader")


def second_reader_page() -> None:
    """The page."""
    with page("Second reader", SUBTITLE):
        session = current()
        if session is None:
            _begin()
            return
        if session.pairs:
            ask_before_leaving("second")
        if session.item is not None and not session.ended:
            _read(session, session.item)
        else:
            _result(session)


def _begin() -> None:
    st.info(
        "Call each radiograph before you see what the model says, then again with its answer in view. Both calls are "
        "logged in this session alone; you may save the log. Keys: P pneumonia, N none.",
        icon=":material/group:",
    )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        reader = st.text_input("Reader", "reader", key="second-name", width=220)
        name = model_choice("second-model")
        population = population_choice("second-population")
    if drawn := sample(*all_items("second"), "second"):
        st.session_state["second-reader"] = Session(drawn[0], load_model(name), reader.strip() or "reader", population)
        st.rerun()


def _read(session: Session, item: Item) -> None:
    done = len(session.pairs) + len(session.skipped)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.progress(done / len(session.items), text=f"{done + 1} of {len(session.items)}")
        st.button("Stop here", icon=":material/stop:", key="second-stop", on_click=session.end, args=(True,))
    try:
        if session.first is None:
            _answers("Your call", lambda call: session.call(item, call), "second-first")
            shown(item, "second")
            session.seen.show((item, False))
            return
        radiograph = load(item)
        screening = session.screened(item, radiograph)
    except RadiographError as error:
        st.warning(plain(str(error)), icon=":material/block:")
        with st.container(horizontal=True, gap="small"):
            st.button("Try again", key="second-again")
            st.button("Next", shortcut="n", key="second-skip", on_click=session.skip, args=(item, str(error)))
        return
    called = next(title for title, _, call in ANSWERS if call == session.first)
    left, right = st.columns([5, 9], gap="large")
    with left:
        st.markdown(f"You called: **{called}**. The model says:")
        decision(screening)
        triage_line(screening)
        for warning in screening.warnings:
            st.warning(plain(warning), icon=":material/info:")
        _answers("Your call now", lambda call: session.settle(item, screening, call), "second-final")
    with right:
        heatmap(radiograph, screening.reading)
    session.seen.show((item, True))


def _answers(title: str, give: Callable[[Call], None], place: str) -> None:
    st.markdown(f"**{title}**")
    with st.container(horizontal=True, gap="small", key=place):
        for name, key, call in ANSWERS:
            st.button(name, shortcut=key, type="primary", key=f"{place}-{key}", on_click=give, args=(call,))


def _result(session: Session) -> None:
    changed = sum(pair.first != pair.final for pair in session.pairs)
    st.success(
        f"{len(session.pairs)} radiographs read; {changed} calls changed with the model's answer in view.",
        icon=":material/done_all:",
    )
    if session.item is not None:
        at = len(session.pairs) + len(session.skipped)
        st.button(f"Go on at {at + 1} of {len(session.items)}", key="second-go-on", on_click=session.end, args=(False,))
    if session.skipped:
        st.caption(f"{len(session.skipped)} could not be screened: {plain(session.skipped[0][1])}")
    exports = [
        Export(
            "log",
            "Log (CSV)",
            "second-reader.csv",
            "text/csv",
            lambda: pairs_table(session.pairs),
            ":material/download:",
        )
    ]
    export_buttons("second-export", exports)
    deliver("second-export", exports)
    table = st.file_uploader("Table of labels (CSV): what do the two gain?", type=["csv", "tsv"], key="second-labels")
    if table is not None:
        read_table = read_labels(table.getvalue())
        matched = match(read_table.labels, session.items)
        for fault in (*read_table.faults, *matched.faults):
            st.caption(plain(str(fault)))
        found = gain(session.pairs, {item.name: label.label for label, item in matched.pairs})
        if found is None:
            st.info("No radiograph that was read has a label in this table.", icon=":material/info:")
        else:
            _gain(found)
    st.button("Read others", icon=":material/restart_alt:", key="second-clear", on_click=_clear)


def _gain(found: Gain) -> None:
    rows = [(side.name, side.sensitivity.percent, side.specificity.percent) for side in found.sides]
    st.dataframe(pd.DataFrame(rows, columns=["", "sensitivity", "specificity"]), hide_index=True, key="second-gain")
    st.markdown(
        f"On {found.n} labelled radiographs the reader with the model found **{found.found}** pneumonias more and lost "
        f"**{found.lost}** (p = {found.ill.p:.3g}); it cost **{found.alarms}** false alarms and spared "
        f"**{found.cleared}** (p = {found.well.p:.3g}, McNemar's exact tests)."
    )


def _clear() -> None:
    st.session_state["second-reader"] = None

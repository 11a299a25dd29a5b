"""The acceptance report on its page: verdict, figures, curves, triage, parts, misses to look at, files to take away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd
import streamlit as st

from pulmoscan.batch.outcomes import load
from pulmoscan.models.card import Card
from pulmoscan.models.site_profile import signed
from pulmoscan.population import GROUPS
from pulmoscan.reading.intake import Item
from pulmoscan.reading.records import to_json
from pulmoscan.site import words
from pulmoscan.site.acceptance import Acceptance, as_json
from pulmoscan.site.cases import Case, write_journal
from pulmoscan.site.charts import sheet
from pulmoscan.site.parity import Parity
from pulmoscan.site.pictures import of_errors
from pulmoscan.site.profile import make_profile
from pulmoscan.site.report_pdf import report_pdf
from pulmoscan.ui.frame import plain
from pulmoscan.ui.panels.hand_over import Export, deliver, export_buttons
from pulmoscan.ui.state import session
from pulmoscan.ui.state.session import Chosen

ICON = ":material/download:"
STATES = {"met": ":material/check_circle:", "not shown": ":material/help:", "missed": ":material/cancel:"}


def acceptance_report(acceptance: Acceptance, cases: Sequence[Case], card: Card, items: Mapping[str, Item]) -> None:
    """All of it.

    Args:
        items: by the names of the cases' files, to look at those that were judged wrongly.
    """
    _verdict(acceptance)
    _downloads(acceptance, cases, card, items)
    st.markdown(plain(words.taken_text(acceptance)))
    figures, picture = st.columns([4, 5], gap="large")
    with figures:
        _rows("Figures at the operating points", words.figure_rows(acceptance))
        for here in acceptance.triage:
            _rows(f"Triage in three ways, {GROUPS[here.population]}", words.triage_rows(here))
        st.markdown(f"**Recalibration.** {words.recalibration_text(acceptance)}")
        st.markdown("**How many cases.** " + " ".join(words.sample_size_text(acceptance)))
    with picture:
        st.image(_sheet(acceptance), caption="Curves with pointwise 95 % bands.")
    if acceptance.shifts:
        _rows("Scores here against validation", words.shift_rows(acceptance))
    if acceptance.parity:
        _parity(acceptance, acceptance.parity)
    if acceptance.subgroups:
        _rows(
            "Subgroups",
            [
                (f"{g.by}: {g.name} ({g.pneumonia} with, {g.normal} without)", words.subgroup_text(g))
                for g in acceptance.subgroups
            ],
        )
    _wrong(acceptance, items)
    if acceptance.unread:
        with st.expander(f"Refused and failed files ({len(acceptance.unread)})", icon=":material/block:"):
            st.dataframe(pd.DataFrame(acceptance.unread, columns=["file", "what", "why"]), hide_index=True)
    st.caption(words.METHODS)


def _verdict(acceptance: Acceptance) -> None:
    show = {None: st.info, True: st.success, False: st.error}[acceptance.accepted]
    show(f"**{acceptance.verdict}**", icon=":material/rule:")
    for verdict in acceptance.verdicts:
        st.markdown(f"{STATES[verdict.state]} {plain(verdict.sentence)}")


def _rows(title: str, rows: Sequence[tuple[str, str]]) -> None:
    st.markdown(f"**{title}**")
    st.dataframe(
        pd.DataFrame(rows, columns=["", "value"]),
        hide_index=True,
        column_config={"value": st.column_config.TextColumn(width="large")},
        key=f"acceptance-{title}",
    )


def _sheet(acceptance: Acceptance) -> bytes:
    """Drawn once: the page runs anew with every click."""
    kept = st.session_state.get("acceptance-sheet")
    if kept is None or kept[0] is not acceptance:
        st.session_state["acceptance-sheet"] = kept = (acceptance, sheet(acceptance))
    return bytes(kept[1])


def _downloads(acceptance: Acceptance, cases: Sequence[Case], card: Card, items: Mapping[str, Item]) -> None:
    name = st.text_input("Name of your site, for its profile", "our site", key="acceptance-name", width=280)
    profile = partial(_profile_bytes, acceptance, cases, card, name or "our site")
    journal = partial(write_journal, acceptance.run, cases)
    stem, json_mime = "pulmoscan-acceptance", "application/json"

    def pdf() -> bytes:
        return report_pdf(acceptance, of_errors(acceptance, items))

    exports = [
        Export("pdf", "Report (PDF)", f"{stem}.pdf", "application/pdf", pdf, ICON),
        Export("json", "Report (JSON)", f"{stem}.json", json_mime, partial(as_json, acceptance), ICON),
        Export("cases", "Cases (JSON lines)", f"{stem}-cases.jsonl", json_mime, journal, ICON),
        Export("profile", "Site profile", "pulmoscan-site.json", json_mime, profile, ":material/badge:"),
    ]
    with st.container(horizontal=True, gap="small", key="acceptance-exports"):
        export_buttons("acceptance-export", exports)
    deliver("acceptance-export", exports)
    st.caption(
        "With the profile, `--site FILE` on the command line or PULMOSCAN_SITE for the app, screening goes by your "
        "site's thresholds, calibration and bounds. Reports and cases hold your file names, and the PDF "
        "pictures of what was judged wrongly; the profile holds neither."
    )


def _parity(acceptance: Acceptance, parity: Parity) -> None:
    """The other model or the earlier run, and the files whose decision changed."""
    _rows(words.parity_title(parity), words.parity_rows(parity))
    for title, files in zip(words.flip_titles(parity), parity.flips, strict=True):
        if files:
            with st.expander(f"{title}: {len(files)}", icon=":material/swap_horiz:"):
                st.dataframe({"file": [acceptance.shown(file) for file in files]}, hide_index=True)


def _profile_bytes(acceptance: Acceptance, cases: Sequence[Case], card: Card, name: str) -> bytes:
    profile = make_profile(acceptance, cases, card, name)
    return to_json(signed(profile), indent=1) + b"\n"


def _wrong(acceptance: Acceptance, items: Mapping[str, Item]) -> None:
    """Misses and false alarms, to be looked at."""
    kinds = {"Missed pneumonias": acceptance.misses, "False alarms": acceptance.false_alarms}
    st.subheader("What was judged wrongly", anchor=False)
    kind = st.segmented_control(
        "Errors", list(kinds), default="Missed pneumonias", required=True, key="acceptance-wrong"
    )
    cases = kinds[kind]
    if not cases:
        st.caption("None.")
        return
    event = st.dataframe(
        pd.DataFrame([(acceptance.shown(f), p) for f, p in cases], columns=["file", "probability"]),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        column_config={"probability": st.column_config.NumberColumn(format="%.4f", width="small")},
        key=f"acceptance-cases-{kind}",
    )
    selected = event["selection"]["rows"]
    if not selected or selected[0] >= len(cases):
        st.caption("Select a row to see its radiograph.")
        return
    item = items[cases[selected[0]][0]]
    radiograph = load(item)
    st.image(
        radiograph.pixels, caption=f"{item.short_name}, probability {cases[selected[0]][1]:.3f}", width=420, clamp=True
    )
    about = "From an acceptance test; in memory for this session only."
    if st.button("Open it on the models' pages", icon=":material/open_in_new:"):
        session.choose(lambda: Chosen(radiograph, about), item.name)
        st.switch_page(f"pages/{acceptance.run.model}.py")

"""The worklist of the node: its studies by urgency, opened by a click on the page of the model that screened them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timezone

import streamlit as st

from pulmoscan.export.words import NUMBER, probability_text
from pulmoscan.hospital.configuration import Configuration, Worklist, read_configuration
from pulmoscan.hospital.drift import weeks
from pulmoscan.hospital.node import QUEUE_FILE
from pulmoscan.hospital.queue import Queue
from pulmoscan.hospital.service.guard import Rate
from pulmoscan.hospital.spool import received_path
from pulmoscan.hospital.worklist import MARKS, Entry, entries, is_passphrase, ordered
from pulmoscan.models import site_profile
from pulmoscan.reading.files import read_file
from pulmoscan.reading.isolation import load_apart
from pulmoscan.reading.radiograph import MAX_FILE_BYTES
from pulmoscan.screening import load_model
from pulmoscan.settings import node_file
from pulmoscan.ui.frame import page, plain
from pulmoscan.ui.panels.drift import drift
from pulmoscan.ui.state import session
from pulmoscan.ui.state.session import Chosen

SUBTITLE = "What the node has screened, the most urgent first; nothing waits longer than the limit."
VIEWS = ("Studies", "Drift")
SHOWN = 50
FILTERS = ("to be read", "suspected", "not screened", "read", "all")


@st.cache_resource
def _tries() -> Rate:
    """Of passphrases, by anybody: ten a minute."""
    return Rate(10)


def hospital_page() -> None:
    """The page."""
    with page("Worklist", SUBTITLE):
        path = node_file()
        settings = read_configuration(path) if path else None
        if settings is None or settings.worklist is None:
            st.info("No node is configured: see docs/hospital.md.", icon=":material/settings:")
            return
        reader = _reader(settings.worklist)
        if not reader:
            return
        queue = Queue(settings.node.folder / QUEUE_FILE)
        view = st.segmented_control("View", VIEWS, default=VIEWS[0], required=True, label_visibility="collapsed")
        if view == VIEWS[0]:
            _worklist(settings, settings.worklist, queue, reader)
        else:
            drift(list(weeks(queue)))


def _reader(settings: Worklist) -> str:
    """Who is logged in; empty, with the way in on the page, where nobody is."""
    if settings.login == "oidc":
        if st.user.is_logged_in:
            st.button("Log out", on_click=st.logout)
            return str(st.user.get("email") or st.user.get("sub") or "somebody")
        st.button("Log in", on_click=st.login, type="primary")
        return ""
    if name := st.session_state.get("reader"):
        return str(name)
    with st.form("login"):
        name = st.text_input("Your name or initials", max_chars=40)
        passphrase = st.text_input("Passphrase of the department", type="password")
        sent = st.form_submit_button("Log in", type="primary")
    if sent and _tries().seconds_to_wait("all"):
        st.error("Too many tries. Wait a minute.", icon=":material/error:")
    elif sent and name.strip() and settings.passphrase_file and is_passphrase(settings.passphrase_file, passphrase):
        st.session_state.reader = name.strip()
        st.rerun()
    elif sent:
        st.error("That is not the passphrase, or the name is missing.", icon=":material/error:")
    return ""


def _worklist(settings: Configuration, worklist: Worklist, queue: Queue, reader: str) -> None:
    now = time.time()
    limit = 60 * worklist.longest_wait_minutes
    found = ordered(entries(queue), now, limit)
    wanted = st.segmented_control("Show", FILTERS, default=FILTERS[0]) or "all"
    shown = [entry for entry in found if _fits(entry, wanted)]
    overdue = sum(now - entry.since >= limit and not entry.is_read for entry in found)
    _profile(settings.node.model, shown)
    st.markdown(f"**{len(shown)}** studies, {overdue} of them over {worklist.longest_wait_minutes:g} minutes unread.")
    if session.problem():
        st.error(session.problem(), icon=":material/error:")
    for entry in shown[:SHOWN]:
        _row(settings, queue, entry, reader, now, limit)
    if len(shown) > SHOWN:
        st.caption(f"And {len(shown) - SHOWN} more.")


def _profile(name: str, shown: Sequence[Entry]) -> None:
    """By what this app shows a study that is opened, and whether the node screened them by the same."""
    model = load_model(name)
    ours = model.site.label if model.site else ""
    if ours:
        st.caption(f"Studies that are opened here are judged by the site profile {plain(ours)}.")
    if model.profiles_of_others:
        st.warning(plain(site_profile.not_for(model.profiles_of_others, name)), icon=":material/info:")
    others = sum(entry.probability is not None and entry.site_profile != ours for entry in shown)
    if others:
        st.warning(
            f"The node screened {others} of these studies by another site profile than this app's, or by none: when "
            "opened here they may be decided otherwise. Start the app with the node's `--site`.",
            icon=":material/info:",
        )


def _fits(entry: Entry, wanted: str) -> bool:
    return {
        "to be read": not entry.is_read,
        "suspected": entry.suspected,
        "not screened": entry.probability is None,
        "read": entry.is_read,
    }.get(wanted, True)


def _row(settings: Configuration, queue: Queue, entry: Entry, reader: str, now: float, limit: float) -> None:
    said, opening, marking = st.container(border=True).columns([6, 1, 2], vertical_alignment="center")
    came = datetime.fromtimestamp(entry.since, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    if entry.probability is None:
        words = f"Not screened. {entry.reason}"
    else:
        words = "**Pneumonia suspected**" if entry.suspected else "No sign of pneumonia found"
        words += f", {NUMBER.lower()} {probability_text(entry.probability)}, threshold {entry.threshold:.3f}"
        if entry.site_profile:
            words += f", site profile {plain(entry.site_profile)}"
    late = " :orange-badge[over the limit]" if now - entry.since >= limit and not entry.is_read else ""
    by = f"; marked by {plain(entry.reader)}" if entry.reader else ""
    said.markdown(f"{words}{late}  \n:small[came {came}; study …{entry.study_uid[-12:]}{by}]")
    if opening.button("Open", key=f"open-{entry.study_uid}", width="stretch"):
        session.choose(lambda: _chosen(settings, entry), "The radiograph")
        if session.problem() is None:
            st.switch_page(f"pages/{settings.node.model}.py")
        st.rerun()
    choices = ("", *MARKS)
    mark = marking.selectbox(
        "Reader's mark",
        choices,
        index=choices.index(entry.mark) if entry.mark in choices else 0,
        key=f"mark-{entry.study_uid}",
        format_func=lambda m: m or "not read",
        label_visibility="collapsed",
    )
    if mark and mark != entry.mark:
        queue.mark(entry.study_uid, reader, mark)
        st.rerun()


def _chosen(settings: Configuration, entry: Entry) -> Chosen:
    """The study's most suspect radiograph.

    Raises:
        RadiographError: it is no longer there, or cannot be read.
    """
    data = read_file(received_path(settings.node.folder, entry.sop_uid), MAX_FILE_BYTES)
    return Chosen(load_apart(data, "from the worklist"), "From the worklist")

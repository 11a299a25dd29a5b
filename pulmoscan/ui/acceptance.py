"""The page "Acceptance": a site's labelled radiographs -> the acceptance report, against limits stated beforehand."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pulmoscan.batch.outcomes import Outcome
from pulmoscan.batch.pseudonyms import pseudonyms
from pulmoscan.models.registry import MODELS, get_spec
from pulmoscan.population import PopulationChoice
from pulmoscan.screening import load_model
from pulmoscan.settings import secret_file
from pulmoscan.site.acceptance import Asked
from pulmoscan.site.cases import parse_journal, write_journal
from pulmoscan.site.labels import Fault, match, read_labels
from pulmoscan.site.limits import Limit
from pulmoscan.site.parity import check_in_common
from pulmoscan.statistics.exact import cases_needed
from pulmoscan.statistics.triage import Promise
from pulmoscan.ui import batch
from pulmoscan.ui.frame import page, told_in_words
from pulmoscan.ui.panels.acceptance_report import acceptance_report
from pulmoscan.ui.panels.choices import model_choice, population_choice
from pulmoscan.ui.panels.hand_over import Export, deliver, export_buttons
from pulmoscan.ui.panels.leaving import ask_before_leaving
from pulmoscan.ui.sample import BATCH, UPLOAD, uploaded
from pulmoscan.ui.state.acceptance import AcceptanceTest, Earlier, Pass, clear, current

SUBTITLE = "Is the model good enough for your patients? State your limits, give your labelled radiographs, and see."
LIMITS: tuple[tuple[str, str, float, float], ...] = (
    ("sensitivity", "Sensitivity at least (%)", 95.0, 100.0),
    ("specificity", "Specificity at least (%)", 50.0, 100.0),
    ("auc", "AUC at least (0 to 1)", 0.9, 1.0),
    ("refused", "Refused at most (%)", 2.0, 100.0),
)
"""Name of the limit, label, what the field begins with, and its whole."""
NOTHING, EARLIER = "Nothing", "An earlier run"


def acceptance_page() -> None:
    """The page."""
    with page("Acceptance", SUBTITLE):
        test = current()
        if test is None:
            _intake()
            return
        ask_before_leaving("acceptance")
        if test.running:
            st.fragment(_watch, run_every=batch.POLL_SECONDS)(test)
        else:
            _after(test)


def _intake() -> None:
    asked, population = _asked()
    source, files = uploaded(
        "acceptance",
        "Held in memory for this session only. For many thousands: `pulmoscan accept FOLDER --labels CSV`.",
    )
    table = st.file_uploader(
        "Table of labels (CSV)",
        type=["csv", "tsv", "txt"],
        key="acceptance-labels",
        help="Columns file and label (1 pneumonia, 0 none); if known patient, age, sex, view, manufacturer and boxes.",
    )
    screened = batch.current()
    ready = table is not None and (bool(files) if source == UPLOAD else screened is not None)
    if not ready or table is None:
        st.info(
            "State the limits, then choose radiographs and their labels. "
            f"{cases_needed(0.05)}, {cases_needed(0.02)} or {cases_needed(0.01)} pneumonias without a miss show a "
            "sensitivity of at least 95, 98 or 99 %. Everything stays on this machine and in this session.",
            icon=":material/rule:",
        )
        return
    labels = read_labels(table.getvalue())
    if source == UPLOAD:
        items = batch.take_in([(file.name, file.getvalue()) for file in files], [])
    else:
        items = screened.items if screened else []
    matched = match(labels.labels, items)
    faults = sorted([*labels.faults, *matched.faults], key=lambda fault: fault.row)
    st.caption(f"{len(matched.pairs)} radiographs have a label, {len(matched.unlabelled)} have none.")
    if faults and not _faults(faults):
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name = _model(source)
        against = _against(name, [item.name for _, item in matched.pairs])
        ready = bool(matched.pairs) and against is not None
        if st.button("Test the model", type="primary", icon=":material/play_arrow:", disabled=not ready) and against:
            other, earlier = against
            with st.spinner("Loading the model …"):
                models = [load_model(model) for model in (name, other) if model]
            passes = [Pass(model) for model in models]
            if source == BATCH and screened:
                passes[0] = Pass(screened.model, outcomes=_outcomes(screened))
            test = AcceptanceTest(
                asked,
                population,
                table.getvalue(),
                matched.pairs,
                faults,
                len(matched.unlabelled),
                passes,
                pseudonyms(secret_file()),
                earlier,
            )
            test.start()
            st.session_state.acceptance = test
            st.rerun()


def _against(tested: str, files: Sequence[str]) -> tuple[str | None, Earlier | None] | None:
    """The model, or the earlier run, that it is compared with on the same cases; None while its file is not given.

    Raises:
        NoJournal: the file holds no run.
        NothingInCommon: it holds none of the files.
    """
    others = [name for name in MODELS if name != tested]
    chosen: str = st.selectbox(
        "Compare with",
        [NOTHING, *others, EARLIER],
        format_func=lambda name: get_spec(name).title if name in MODELS else name,
        key="acceptance-against",
        width=220,
        help="Another model on the same radiographs, or the cases of an earlier test: of another version, or of this "
        "same test, which then goes on where it stopped.",
    )
    if chosen != EARLIER:
        return (None if chosen == NOTHING else chosen), None
    file = st.file_uploader("Its cases (JSON lines)", type=["jsonl", "json"], key="acceptance-earlier", width=320)
    if file is None:
        return None
    earlier = parse_journal(file.getvalue(), file.name)
    check_in_common(earlier[1], files)
    return None, earlier


def _asked() -> tuple[Asked, PopulationChoice]:
    """What is stated before any figure is known."""
    limits = []
    with st.expander("What must hold: stated before any figure is known", icon=":material/rule:", expanded=True):
        with st.container(horizontal=True, gap="small"):
            for name, title, value, whole in LIMITS:
                with st.container(width=200, gap="xsmall"):
                    wanted = st.checkbox(title.split(" (")[0], key=f"acceptance-wants-{name}")
                    number: float = st.number_input(
                        title, 0.0, whole, value, whole / 200 if whole > 1 else 0.01, key=f"acceptance-{name}",
                        disabled=not wanted, width=190,
                    )  # fmt: skip
                if wanted:
                    limits.append(Limit(name, round(number / whole, 6)))
        with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
            stated = st.number_input(
                "Prevalence of your patients (%)", 0.1, 99.0, None, 0.5, key="acceptance-prevalence", width=230,
                help="Predictive values follow it. Left empty, it is the share of pneumonias in the set.",
            )  # fmt: skip
            misses: float = st.number_input(
                "Triage: tolerated misses (%)", 0.1, 50.0, 2.0, 0.5, key="acceptance-misses", width=230
            )
            alarms: float = st.number_input(
                "Triage: tolerated false alarms (%)", 0.1, 50.0, 5.0, 0.5, key="acceptance-alarms", width=230
            )
            sure: float = st.number_input(
                "With confidence (%)", 50.0, 99.9, 95.0, 1.0, key="acceptance-sure", width=200
            )
        population = population_choice(
            "acceptance-population", "Whose operating point applies. “By age” goes by the table's or the file's age."
        )
    promise = Promise(misses / 100, alarms / 100, sure / 100)
    return Asked(tuple(limits), stated / 100 if stated else None, promise), population


def _faults(faults: list[Fault]) -> bool:
    """List them; whether to go on without their rows."""
    st.warning(f"{len(faults)} rows of the table have faults.", icon=":material/error:")
    st.dataframe(
        {"row": [fault.row for fault in faults], "what is wrong": [fault.message for fault in faults]},
        hide_index=True,
        column_config={"what is wrong": st.column_config.TextColumn(width="large")},
        key="acceptance-faults",
    )
    return st.checkbox("Go on without these rows; the report counts them", key="acceptance-skip")


def _model(source: str) -> str:
    screened = batch.current()
    if source == BATCH and screened:
        return screened.model.spec.name
    return model_choice("acceptance-model")


def _outcomes(screened: batch.Batch) -> dict[str, Outcome]:
    """What the batch found, by file: no model runs for these again."""
    return {screened.items[number].name: outcome for number, outcome in screened.outcomes.items()}


def _watch(test: AcceptanceTest) -> None:
    with told_in_words():
        if not test.running or test.job is None:
            st.rerun()
        progress = test.job.progress
        done = test.total - test.left
        st.progress(done / max(1, test.total), text=f"{done} of {test.total}{progress.pace}")
        st.button("Cancel", icon=":material/stop:", on_click=test.job.cancel, help="What is done is kept.")
        st.caption("The test lives in this tab: it ends when the page is loaded anew.")


def _after(test: AcceptanceTest) -> None:
    if test.job and test.job.progress.failure:
        st.error(test.job.progress.failure, icon=":material/error:")
    if test.left:
        _stopped(test)
        return
    st.button("Test again", icon=":material/restart_alt:", on_click=clear, key="acceptance-clear")
    with st.spinner("Computing the figures …"):
        acceptance = test.finish()
    tested = test.passes[0]
    acceptance_report(acceptance, test.cases, tested.model.card, {item.name: item for _, item in test.pairs})


def _stopped(test: AcceptanceTest) -> None:
    """A part of the cases gives no figures: who stops when they look good would prove nothing."""
    st.warning(
        f"{test.total - test.left} of {test.total} are done. There are no figures before all are: of a part they would "
        "prove nothing.",
        icon=":material/info:",
    )
    exports = [
        Export(
            "cases",
            "Save what is done",
            "pulmoscan-acceptance-cases.jsonl",
            "application/json",
            lambda: write_journal(test.run(test.passes[0]), test.cases),
            ":material/download:",
        )
    ]
    with st.container(horizontal=True, gap="small"):
        st.button("Resume", icon=":material/play_arrow:", type="primary", on_click=test.start, key="acceptance-resume")
        export_buttons("acceptance-stopped", exports)
        st.button("Test again", icon=":material/restart_alt:", on_click=clear, key="acceptance-clear")
    deliver("acceptance-stopped", exports)
    st.caption(
        f"With the same files and table, what is saved goes on another day: choose “{EARLIER}” at “Compare with”."
    )

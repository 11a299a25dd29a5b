"""The page "Acceptance": a site's labelled radiographs -> the acceptance report, against limits stated beforehand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import streamlit as st

from pulmoscan.batch.jobs import Job
from pulmoscan.batch.pseudonyms import Pseudonyms, pseudonyms
from pulmoscan.population import PopulationChoice
from pulmoscan.reading.intake import Item
from pulmoscan.reading.radiograph import FORMAT_NAMES
from pulmoscan.screening import Model, load_model
from pulmoscan.settings import secret_file
from pulmoscan.site.acceptance import Acceptance, Asked, accept
from pulmoscan.site.cases import Case, by_age, case_of, read_cases, run_of
from pulmoscan.site.labels import Fault, Label, match, read_labels
from pulmoscan.site.limits import Limit
from pulmoscan.statistics.exact import cases_needed
from pulmoscan.statistics.triage import Promise
from pulmoscan.ui import batch
from pulmoscan.ui.frame import page, told_in_words
from pulmoscan.ui.panels.acceptance_report import acceptance_report
from pulmoscan.ui.panels.choices import model_choice, population_choice

SUBTITLE = "Is the model good enough for your patients? State your limits, give your labelled radiographs, and see."
LIMITS: tuple[tuple[str, str, float], ...] = (
    ("sensitivity", "Sensitivity at least (%)", 95.0),
    ("specificity", "Specificity at least (%)", 50.0),
    ("auc", "AUC at least (%)", 90.0),
    ("refused", "Refused at most (%)", 2.0),
)
"""Name of the limit, label, and what the field begins with."""
UPLOAD, BATCH = "Files or a zip", "The batch that was screened"


@dataclass(eq=False)
class AcceptanceTest:
    """What the session tests.

    Attributes:
        labels: the bytes of the table.
        job: goes through the pairs; its results are the cases.
        done: the report, once the job has ended.
    """

    model: Model
    asked: Asked
    population: PopulationChoice
    labels: bytes
    pairs: list[tuple[Label, Item]]
    faults: list[Fault]
    unlabelled: int
    job: Job[Case]
    cases: list[Case] = field(default_factory=list)
    done: Acceptance | None = None

    def finish(self) -> Acceptance:
        """The report of what was screened, made once."""
        if self.done is None:
            self.cases = self.job.results
            self.done = accept(
                run_of(self.model, self.population, self.labels),
                self.model.spec.title,
                self.model.card,
                self.cases,
                self.asked,
                self.faults,
                self.unlabelled,
            )
        return self.done


def current() -> AcceptanceTest | None:
    """The session's test, if any."""
    return st.session_state.get("acceptance")


def acceptance_page() -> None:
    """The page."""
    with page("Acceptance", SUBTITLE):
        test = current()
        if test is None:
            _intake()
        elif test.job.running:
            st.fragment(_watch, run_every=batch.POLL_SECONDS)(test)
        else:
            _after(test)


def _intake() -> None:
    asked, population = _asked()
    source, files = _radiographs()
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
        if st.button("Test the model", type="primary", icon=":material/play_arrow:", disabled=not matched.pairs):
            with st.spinner("Loading the model …"):
                model = load_model(name)
            names = pseudonyms(secret_file())
            job = (
                _job_of_batch(matched.pairs, screened, population, names)
                if source == BATCH and screened
                else _job(matched.pairs, model, population, names)
            )
            st.session_state.acceptance = AcceptanceTest(
                model, asked, population, table.getvalue(), matched.pairs, faults, len(matched.unlabelled), job
            )
            st.rerun()


def _asked() -> tuple[Asked, PopulationChoice]:
    """What is stated before any figure is known."""
    limits = []
    with st.expander("What must hold: stated before any figure is known", icon=":material/rule:", expanded=True):
        with st.container(horizontal=True, gap="small"):
            for name, title, value in LIMITS:
                with st.container(width=200, gap="xsmall"):
                    wanted = st.checkbox(title.split(" (")[0], key=f"acceptance-wants-{name}")
                    number: float = st.number_input(
                        title, 0.0, 100.0, value, 0.5, key=f"acceptance-{name}", disabled=not wanted, width=190
                    )
                if wanted:
                    limits.append(Limit(name, number / 100))
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


def _radiographs() -> tuple[str, list[st.runtime.uploaded_file_manager.UploadedFile]]:
    """Where they come from, and what was uploaded."""
    source = UPLOAD
    if batch.current() is not None:
        source = st.segmented_control(
            "Radiographs", (UPLOAD, BATCH), default=UPLOAD, required=True, key="acceptance-source"
        )
    if source == BATCH:
        return source, []
    files = st.file_uploader(
        f"Radiographs ({FORMAT_NAMES}), or a zip of them",
        accept_multiple_files=True,
        key="acceptance-files",
        max_upload_size=batch.ZIP_MEGABYTES,
        help="Held in memory for this session only. For many thousands: `pulmoscan accept FOLDER --labels CSV`.",
    )
    return source, list(files)


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


def _job(pairs: list[tuple[Label, Item]], model: Model, population: PopulationChoice, names: Pseudonyms) -> Job[Case]:
    return Job(lambda: read_cases(pairs, model, population, names), len(pairs))


def _job_of_batch(
    pairs: list[tuple[Label, Item]], screened: batch.Batch, population: PopulationChoice, names: Pseudonyms
) -> Job[Case]:
    """No model runs: the readings are there."""
    positions = {id(item): number for number, item in enumerate(screened.items)}
    outcomes = dict(screened.outcomes)

    def work() -> Iterator[Case]:
        for label, item in pairs:
            outcome = outcomes.get(positions[id(item)])
            if outcome is not None:
                yield case_of(label, by_age(outcome, population, label.age), names)

    return Job(work, len(pairs))


def _watch(test: AcceptanceTest) -> None:
    with told_in_words():
        if not test.job.running:
            st.rerun()
        progress = test.job.progress
        st.progress(progress.done / max(1, progress.total), text=progress.words)
        st.button(
            "Cancel", icon=":material/stop:", on_click=test.job.cancel, help="The report is then of what is done."
        )


def _after(test: AcceptanceTest) -> None:
    progress = test.job.progress
    if progress.failure:
        st.error(progress.failure, icon=":material/error:")
    if progress.done < progress.total:
        st.warning(
            f"Only {progress.done} of {progress.total} were screened: a report of a part is no acceptance test.",
            icon=":material/info:",
        )
    st.button("Test again", icon=":material/restart_alt:", on_click=_clear, key="acceptance-clear")
    with st.spinner("Computing the figures …"):
        acceptance = test.finish()
    acceptance_report(acceptance, test.cases, test.model.card, {item.name: item for _, item in test.pairs})


def _clear() -> None:
    if test := current():
        test.job.cancel()
    st.session_state.acceptance = None

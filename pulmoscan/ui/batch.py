"""The batch page: many radiographs, a folder or a zip -> a worklist sorted by urgency."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO

import streamlit as st

from pulmoscan.batch.downloads import write_overlays, write_pdf
from pulmoscan.batch.jobs import Job
from pulmoscan.batch.outcomes import Outcome, screen_items, urgency
from pulmoscan.errors import BatchTooLarge
from pulmoscan.models import external
from pulmoscan.reading.intake import Item, upload_items
from pulmoscan.reading.listing import PassedOver
from pulmoscan.reading.radiograph import FORMAT_NAMES
from pulmoscan.screening import Model, load_model
from pulmoscan.settings import variable
from pulmoscan.ui.compare import STYLE
from pulmoscan.ui.frame import page, plain, told_in_words
from pulmoscan.ui.panels.choices import model_choice
from pulmoscan.ui.panels.hand_over import Export, deliver, export_buttons
from pulmoscan.ui.panels.marks import Marks, labelled
from pulmoscan.ui.panels.worklist import Row, worklist
from pulmoscan.ui.state import history

SUBTITLE = "Many radiographs at once, sorted by urgency: what to look at first."
ARCHIVE = "An archive's results"
MAX_FILES = 5_000
MAX_UPLOAD_BYTES = 2 * 2**30
ZIP_MEGABYTES = 1024
POLL_SECONDS = 1.0
PREVIEW_ROWS = 8
FAILURES_SHOWN = 5


@dataclass(frozen=True)
class ExportKind:
    """A file that is made of many rows.

    Attributes:
        write: rows and what was not screened, which is counted alone; target, whether without names, list for what
            fails -> a name for each row that is done.
        most: rows; the file is made in memory.
    """

    name: str
    what: str
    mime: str
    icon: str
    write: Callable[[Sequence[Row], BytesIO, bool, list[str]], Iterator[str]]
    most: int


EXPORTS = (
    ExportKind(
        "zip",
        "Overlays",
        "application/zip",
        ":material/imagesmode:",
        write_overlays,
        MAX_FILES,
    ),
    ExportKind("PDF", "Reports", "application/pdf", ":material/picture_as_pdf:", write_pdf, 500),
)


@dataclass(eq=False)
class Making:
    """An export that is made in the background, of the rows that were listed when it was asked for."""

    job: Job[str]
    target: BytesIO
    failures: list[str]


@dataclass(eq=False)
class Batch:
    """What the session screens or has screened.

    Attributes:
        passed_over: the files that are not screened, and why.
        outcomes: of the finished items, by their position.
        job: the one that runs or ran last; it goes through the items that have no outcome yet.
        exports: by kind, what is made or being made.
        marks: the reader's, by the position of their item; so are the thumbnails, JPEG in a data URI.
    """

    model: Model
    items: list[Item]
    passed_over: list[PassedOver] = field(default_factory=list)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    seen: dict[str, Outcome] = field(default_factory=dict)
    job: Job[tuple[int, Outcome]] | None = None
    exports: dict[str, Making] = field(default_factory=dict)
    marks: Marks = field(default_factory=dict)
    thumbnails: dict[int, str] = field(default_factory=dict)

    def start(self) -> None:
        """Screen what is not done yet."""
        remaining = [(i, item) for i, item in enumerate(self.items) if i not in self.outcomes]
        positions = [i for i, _ in remaining]
        # And not self, which would keep the job alive.
        model, seen, thumbnails = self.model, self.seen, self.thumbnails

        def work() -> Iterable[tuple[int, Outcome]]:
            # Thresholds follow the population that is chosen when the list is read; see worklist.
            screened = screen_items([item for _, item in remaining], model, "auto", None, seen)
            for position, outcome in zip(positions, screened, strict=True):
                if outcome.screening and outcome.radiograph:
                    thumbnails[position] = history.thumbnail_of(outcome.radiograph.pixels)
                yield position, without_pixels(outcome)

        self.job = Job(lambda: iter(work()), len(remaining))

    def collect(self) -> None:
        """Take over what the job has done."""
        for position, outcome in self.job.results if self.job else []:
            if position not in self.outcomes:
                self.outcomes[position] = outcome
                if outcome.screening:
                    history.record(outcome.file, outcome.screening.reading, thumbnail=self.thumbnails.get(position))

    @property
    def running(self) -> bool:
        return self.job is not None and self.job.running


def without_pixels(outcome: Outcome) -> Outcome:
    """Memory must not grow with the number of radiographs: only what was found in them is kept."""
    return replace(outcome, radiograph=None)


def current() -> Batch | None:
    """The session's batch, if any."""
    return st.session_state.get("batch")


def batch_page() -> None:
    """The page."""
    with page("Batch triage", SUBTITLE):
        st.html(STYLE)
        batch = current()
        if batch is None:
            _intake()
            return
        _progress(batch)
        if not batch.running:
            _after(batch)


def _intake() -> None:
    kinds = ("Files or a zip", "A folder", *([ARCHIVE] if variable("ARCHIVE") else []))
    kind = st.segmented_control(
        "What", kinds, default=kinds[0], required=True, label_visibility="collapsed", key="batch-kind"
    )
    if kind == ARCHIVE:
        from pulmoscan.ui.panels.archive import archive_results  # DuckDB and Arrow take long to import

        archive_results()
        return
    if kind == kinds[0]:
        files = st.file_uploader(
            f"Radiographs ({FORMAT_NAMES}), or a zip of them",
            accept_multiple_files=True,
            key="batch-files",
            max_upload_size=ZIP_MEGABYTES,
            help="They are held in memory for this session only; nothing is written to disk.",
        )
    else:
        files = st.file_uploader(
            f"A folder of radiographs ({FORMAT_NAMES})",
            accept_multiple_files="directory",
            key="batch-folder",
            help="The folder and those in it. They are held in memory for this session only.",
        )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name = model_choice("batch-model", [spec.name for spec in external.installed()], persist_state="session")
        if st.button("Screen them", type="primary", icon=":material/play_arrow:", disabled=not files):
            with st.spinner("Loading the model …"):
                model = load_model(name)  # one that is missing is said before anything starts
            passed_over: list[PassedOver] = []
            items = take_in([(file.name, file.getvalue()) for file in files], passed_over)
            st.session_state.batch = Batch(model, items, passed_over)
            st.session_state.batch.start()
            st.rerun()
    if not files:
        st.info("Choose radiographs: the most suspicious come first.", icon=":material/arrow_upward:")


def take_in(uploads: Sequence[tuple[str, bytes]], passed_over: list[PassedOver] | None = None) -> list[Item]:
    """The items of all uploads.

    Args:
        passed_over: filled with the files that are not to be screened, and why.

    Raises:
        BatchTooLarge: they are too many or too large together.
    """
    size = sum(len(data) for _, data in uploads)
    if size > MAX_UPLOAD_BYTES:
        raise BatchTooLarge(f"The files have {size / 2**30:.1f} GB together; the limit is {MAX_UPLOAD_BYTES >> 30} GB")
    every = itertools.chain.from_iterable(upload_items(name, data, passed_over) for name, data in uploads)
    items = list(itertools.islice(every, MAX_FILES + 1))
    if len(items) > MAX_FILES:
        raise BatchTooLarge(f"These are more than {MAX_FILES:,} files, the limit")
    return items


def _progress(batch: Batch) -> None:
    """While the job runs it is looked at every second, by itself: the rest of the page stays as it is."""
    if batch.running:
        st.fragment(_watch, run_every=POLL_SECONDS)(batch)
    else:
        batch.collect()
        if batch.job and batch.job.progress.failure:
            st.error(batch.job.progress.failure, icon=":material/error:")


def _watch(batch: Batch) -> None:
    with told_in_words():
        batch.collect()
        if batch.job is None or not batch.running:
            st.rerun()
            return
        progress = batch.job.progress
        done, total = len(batch.outcomes), len(batch.items)
        words = progress.words.split(" · ", maxsplit=1)
        st.progress(done / max(1, total), text=" · ".join([f"{done} of {total}", *words[1:]]))
        st.button("Cancel", icon=":material/stop:", on_click=batch.job.cancel, help="What is done is kept.")
        _preview(batch)


def _preview(batch: Batch) -> None:
    """The most urgent so far."""
    screened = sorted((o for o in batch.outcomes.values() if o.screening), key=urgency)
    if screened:
        st.markdown("The most suspicious so far:")
        st.dataframe(
            {
                "file": [o.file for o in screened[:PREVIEW_ROWS]],
                "probability": [o.screening.reading.probability for o in screened[:PREVIEW_ROWS] if o.screening],
            },
            column_config={"probability": st.column_config.ProgressColumn(format="%.3f", min_value=0, max_value=1)},
            hide_index=True,
        )


def _after(batch: Batch) -> None:
    """Everything is done, or was cancelled or failed before."""
    left = len(batch.items) - len(batch.outcomes)
    counts = Counter(outcome.status for outcome in batch.outcomes.values())
    twice = sum(bool(outcome.duplicate_of) for outcome in batch.outcomes.values())
    parts = [f"**{counts['ok']}** screened with {batch.model.spec.title}"]
    parts += [f"{counts['refused']} refused"] if counts["refused"] else []
    parts += [f"{counts['error']} failed"] if counts["error"] else []
    parts += [f"{twice} of them the same file twice"] if twice else []
    parts += [f"{len(batch.passed_over)} passed over"] if batch.passed_over else []
    parts += [f"**{left} not done yet**"] if left else []
    with st.container(horizontal=True, vertical_alignment="center", key="batch-state"):
        st.markdown(", ".join(parts) + ".")
        if left:
            st.button("Resume", icon=":material/play_arrow:", type="primary", on_click=batch.start)
        st.button("Clear and choose others", icon=":material/close:", on_click=clear, key="batch-clear")
    if batch.passed_over:
        with st.expander(f"{len(batch.passed_over)} files were passed over", icon=":material/visibility_off:"):
            st.dataframe(
                {"file": [p.name for p in batch.passed_over], "why": [p.reason for p in batch.passed_over]},
                hide_index=True,
            )
    if batch.outcomes:
        name = batch.model.spec.name
        worklist(name, batch.items, batch.outcomes, _exports, batch.marks, batch.thumbnails)
        if labels := labelled(batch.outcomes, batch.marks):
            st.session_state.reader_scores = labels
            n = len(labels.normal) + len(labels.pneumonia)
            st.page_link("pages/threshold_lab.py", label=f"My {n} labels in the threshold lab", icon=":material/tune:")


def clear() -> None:
    """Forget the batch and all that was found in it."""
    if batch := current():
        if batch.job:
            batch.job.cancel()
        for making in batch.exports.values():
            making.job.cancel()
    st.session_state.batch = None


def _exports(rows: Sequence[Row], anonymous: bool) -> None:
    """The zip of overlays and the PDF of the rows that are listed: made in the background when asked for."""
    batch = current()
    if batch is None:
        return
    for kind in EXPORTS:
        _export(batch, kind, rows, anonymous)


def _export(batch: Batch, kind: ExportKind, rows: Sequence[Row], anonymous: bool) -> None:
    def start() -> None:
        target, failures = BytesIO(), list[str]()
        unread = [(batch.items[i], outcome) for i, outcome in sorted(batch.outcomes.items()) if not outcome.screening]
        job = Job(lambda: kind.write([*rows, *unread], target, anonymous, failures), len(rows))
        batch.exports[kind.name] = Making(job, target, failures)

    making = batch.exports.get(kind.name)
    if making is None:
        st.button(
            f"Make a {kind.name} of {len(rows)}",
            icon=kind.icon,
            on_click=start,
            disabled=not 0 < len(rows) <= kind.most,
            help=f"{kind.what} of the rows that are listed now, at most {kind.most:,}.",
        )
    elif making.job.running:
        st.fragment(_watch_export, run_every=POLL_SECONDS)(kind, making.job)
    elif making.job.progress.failure:
        st.error(making.job.progress.failure, icon=":material/error:")
        st.button("Try again", key=f"batch-again-{kind.name}", on_click=start)
    else:
        export = Export(
            kind.name,
            f"{kind.what} ({kind.name}, {making.job.progress.done})",
            f"pulmoscan-batch.{kind.name.lower()}",
            kind.mime,
            making.target.getvalue,
            ":material/download:",
        )
        export_buttons(f"batch-made-{kind.name}", [export])
        deliver(f"batch-made-{kind.name}", [export])
        st.button(
            "Rebuild",
            key=f"batch-rebuild-{kind.name}",
            icon=":material/refresh:",
            on_click=start,
            disabled=not 0 < len(rows) <= kind.most,
            help=f"{kind.what} of the rows that are listed now.",
        )
        if making.failures:
            st.warning(
                f"{len(making.failures)} could not be drawn. " + " ".join(map(plain, making.failures[:FAILURES_SHOWN])),
                icon=":material/info:",
            )


def _watch_export(kind: ExportKind, job: Job[str]) -> None:
    if not job.running:
        st.rerun()
    st.progress(job.progress.done / max(1, job.progress.total), text=f"{kind.name}: {job.progress.words}")

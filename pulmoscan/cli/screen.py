"""`screen`: radiographs, folders, archives -> a table, JSON lines or CSV, and reports."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pulmoscan import DISCLAIMER
from pulmoscan.cli.arguments import Commands, add_model
from pulmoscan.cli.promises import add_promise, add_site, model_of, promise_of
from pulmoscan.errors import InvalidThreshold
from pulmoscan.population import POPULATION_CHOICES
from pulmoscan.settings import secret_file

NOT_LASTING = (
    "The secret that anonymous names are made with cannot be kept: --resume will not know these results. Let "
    "PULMOSCAN_KEY name a file that can be written."
)

if TYPE_CHECKING:
    from pulmoscan.reading.listing import PassedOver


def add(commands: Commands) -> None:
    """Its arguments."""
    parser = commands.add_parser("screen", help="screen radiographs", epilog=DISCLAIMER)
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a file, a folder, a zip or a glob")
    add_model(parser, external=True, required=False)
    add_site(parser)
    parser.add_argument("--population", choices=POPULATION_CHOICES, default="auto")
    parser.add_argument("--threshold", type=float, metavar="T", help="0 to 1; by default the operating point")
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table")
    parser.add_argument(
        "--no-gate", action="store_true", help="screen also what does not look like a chest radiograph; warned of"
    )
    parser.add_argument("--maps", type=Path, metavar="DIR", help="write each heatmap as NAME.npy")
    parser.add_argument("--overlays", type=Path, metavar="DIR", help="write each overlay as NAME.png")
    parser.add_argument(
        "--report",
        action="append",
        default=[],
        choices=("pdf", "dicom-sr", "dicom-sc", "png", "json"),
        help="write a report of each radiograph; may be repeated",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", default=Path("reports"), help="where to; by default the folder reports"
    )
    parser.add_argument(
        "--anonymous",
        action="store_true",
        help="leave whatever names the patient or the file out of all that is written, results and names included",
    )
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="FILE",
        help="skip the files that FILE, an earlier run's JSON or CSV, has results of; append to it with >> FILE",
    )
    add_promise(parser, miss_rate=None)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    if options.threshold is not None and not 0 <= options.threshold <= 1:
        raise InvalidThreshold(options.threshold)
    from pulmoscan.reading.isolation import warm_up

    warm_up()  # it imports on another core what is imported below
    from tqdm import tqdm

    from pulmoscan.batch import resume
    from pulmoscan.batch.outcomes import screen_items
    from pulmoscan.batch.output import end_cut_line, record, target, writer
    from pulmoscan.batch.outputs import Outputs
    from pulmoscan.batch.pseudonyms import pseudonyms
    from pulmoscan.examination.examine import lung_weights
    from pulmoscan.reading.intake import path_items
    from pulmoscan.reading.listing import find_files

    model = model_of(options)  # before the first file, so that what is missing is said once
    lung_weights()
    before = (
        resume.finished(options.resume, model.spec.name, model.site.label if model.site else "")
        if options.resume
        else {}
    )
    passed_over: list[PassedOver] = []
    items = list(path_items(find_files(options.paths, passed_over), passed_over))
    if options.anonymous:
        names = pseudonyms(secret_file())
        items = [replace(item, name=names.of(item.name)) for item in items]
        if not names.lasting:
            print(NOT_LASTING, file=sys.stderr)
    remaining = [item for item in items if resume.key(item.name) not in before]
    with (
        _ending_in_order(),
        closing(
            Outputs(options.maps, options.overlays, options.out, options.report, options.anonymous, target())
        ) as outputs,
    ):
        if options.resume:
            status = options.resume.stat()
            outputs.take_back(lambda name: resume.key(name) in before, (status.st_dev, status.st_ino))
            end_cut_line(options.resume)
        out = writer(options.format, heading=not (options.resume and resume.has_heading(options.resume)))
        print(DISCLAIMER, file=sys.stderr)
        if len(remaining) < len(items):
            print(f"{len(items) - len(remaining)} of {len(items)} files are done already.", file=sys.stderr)
        tell_passed_over(passed_over, options.anonymous)
        all_read = all(before.get(resume.key(item.name), "ok") == "ok" for item in items)
        outcomes = screen_items(
            remaining,
            model,
            options.population,
            options.threshold,
            override=options.no_gate,
            promise=promise_of(options),
        )
        # The bar is for output that goes to a file; in a terminal the lines themselves are the progress.
        for found in tqdm(outcomes, total=len(remaining), unit="file", disable=sys.stdout.isatty() or None):
            # The items of an anonymous run bear neutral names already.
            outcome = found.renamed(found.file, found.duplicate_of) if options.anonymous else found
            written = outputs.write(outcome)
            record(out, written)
            outputs.settle()
            all_read &= written.status == "ok"
    return 0 if all_read else 1


def tell_passed_over(passed_over: Sequence[PassedOver], anonymous: bool) -> None:
    """Say on standard error what was not screened and why: a line each, or how many of which reason without names."""
    if anonymous:
        for reason, count in Counter(other.reason for other in passed_over).items():
            print(f"Passed over {count} of: {reason}.", file=sys.stderr)
        return
    for other in passed_over:
        # What cannot be printed, such as a line break in a name, is escaped.
        name = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in other.name)
        print(f"Passed over {name}: {other.reason}.", file=sys.stderr)


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """While it lives, a request to end (SIGTERM) leaves no half-written file behind."""

    def stop(*_: object) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

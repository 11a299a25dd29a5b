"""`screen`: radiographs, folders, archives -> a table, JSON lines or CSV, and reports."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from pulmoscan import DISCLAIMER
from pulmoscan.cli.arguments import Commands, add_model
from pulmoscan.errors import InvalidThreshold
from pulmoscan.models import registry
from pulmoscan.population import POPULATION_CHOICES

if TYPE_CHECKING:
    from pulmoscan.reading.listing import PassedOver


def add(commands: Commands) -> None:
    """Its arguments."""
    parser = commands.add_parser("screen", help="screen radiographs", epilog=DISCLAIMER)
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a file, a folder, a zip or a glob")
    add_model(parser, default=registry.DEFAULT_MODEL, external=True)
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
    parser.add_argument("--anonymous", action="store_true", help="leave out of reports all that names the patient")
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="FILE",
        help="skip the files that FILE, an earlier run's JSON or CSV, has results of; append to it with >> FILE",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from pulmoscan.batch.outcomes import Exports, screen_items
    from pulmoscan.batch.output import end_cut_line, writer
    from pulmoscan.batch.report_folder import ReportFolder
    from pulmoscan.batch.resume import finished
    from pulmoscan.examination.examine import lung_weights
    from pulmoscan.reading.intake import path_items
    from pulmoscan.reading.isolation import warm_up
    from pulmoscan.reading.listing import find_files
    from pulmoscan.screening import load_model

    if options.threshold is not None and not 0 <= options.threshold <= 1:
        raise InvalidThreshold(options.threshold)
    warm_up()
    model = load_model(options.model)  # before the first file, so that what is missing is said once
    lung_weights()
    before = finished(options.resume, options.model) if options.resume else {}
    passed_over: list[PassedOver] = []
    items = list(path_items(find_files(options.paths, passed_over), passed_over))
    remaining = [item for item in items if item.name not in before]
    exports = Exports(options.maps, options.overlays)
    reports = ReportFolder(options.out, options.report, options.anonymous)
    if options.resume:
        end_cut_line(options.resume)
    out = writer(options.format, heading=not (options.resume and options.resume.stat().st_size))
    print(DISCLAIMER, file=sys.stderr)
    if len(remaining) < len(items):
        print(f"{len(items) - len(remaining)} of {len(items)} files are done already.", file=sys.stderr)
    tell_passed_over(passed_over, options.anonymous)
    all_read = all(before.get(item.name, "ok") == "ok" for item in items)
    outcomes = screen_items(remaining, model, options.population, options.threshold, override=options.no_gate)
    # The bar is for output that goes to a file; in a terminal the lines themselves are the progress.
    for outcome in tqdm(outcomes, total=len(remaining), unit="file", disable=sys.stdout.isatty() or None):
        exports.write(outcome)
        reports.write(outcome)
        out.write(outcome)
        all_read &= outcome.status == "ok"
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

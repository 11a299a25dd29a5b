"""`accept`: a site's labelled radiographs -> its acceptance report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pulmoscan import DISCLAIMER
from pulmoscan.cli.arguments import Commands, add_model
from pulmoscan.cli.promises import add_promise, add_site, model_of, promise_of, share
from pulmoscan.cli.screen import NOT_LASTING, tell_passed_over
from pulmoscan.errors import FaultyLabels, FileNotReadable, FolderNotWritable, LimitsStated
from pulmoscan.population import POPULATION_CHOICES
from pulmoscan.settings import secret_file

if TYPE_CHECKING:
    from pulmoscan.models.site_profile import SiteProfile
    from pulmoscan.reading.listing import PassedOver
    from pulmoscan.site.acceptance import Asked
    from pulmoscan.site.labels import Fault

CASES, LIMITS, REPORT = "cases.jsonl", "limits.json", "acceptance"
"""What lies in the folder of a run."""


def add(commands: Commands) -> None:
    """Its arguments."""
    parser = commands.add_parser(
        "accept",
        help="test a model on a site's own labelled radiographs",
        epilog=f"docs/acceptance.md goes through it step by step. {DISCLAIMER}",
    )
    parser.add_argument("paths", nargs="+", metavar="FOLDER", help="a folder, a zip, files or a glob")
    parser.add_argument(
        "--labels", type=Path, required=True, metavar="CSV", help="columns file and label (1 pneumonia, 0 none)"
    )
    add_model(parser, required=False)
    add_site(parser)
    parser.add_argument("--population", choices=POPULATION_CHOICES, default="auto")
    parser.add_argument(
        "--limit", action="append", default=[], metavar="LIMIT", help="“sensitivity>=95%%”, stated beforehand; repeated"
    )
    parser.add_argument("--prevalence", type=share, metavar="SHARE", help="of the site's patients; else the set's own")
    parser.add_argument(
        "--against",
        type=Path,
        metavar="DIR",
        help="the folder of an earlier run, of another model or version; or its cases.jsonl",
    )
    parser.add_argument("--skip-faulty", action="store_true", help="go on without the table's faulty rows")
    parser.add_argument(
        "--profile",
        type=Path,
        metavar="FILE",
        help="write the site profile that follows: its own thresholds and bounds",
    )
    parser.add_argument("--name", default="our site", help="of the site, for its profile")
    parser.add_argument(
        "--out", type=Path, default=Path("acceptance"), metavar="DIR", help="of the report; a run that stopped goes on"
    )
    add_promise(parser, miss_rate=0.02)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from pulmoscan.batch.pseudonyms import pseudonyms
    from pulmoscan.reading.intake import path_items
    from pulmoscan.reading.isolation import warm_up
    from pulmoscan.reading.listing import find_files
    from pulmoscan.reading.records import write_whole
    from pulmoscan.site import limits, words
    from pulmoscan.site.acceptance import Asked, accept, as_json
    from pulmoscan.site.cases import Journal, read_cases, read_journal, run_of
    from pulmoscan.site.labels import match, read_labels
    from pulmoscan.site.parity import check_in_common, compare
    from pulmoscan.site.pictures import of_errors
    from pulmoscan.site.profile import make_profile
    from pulmoscan.site.report_pdf import report_pdf
    from pulmoscan.statistics.triage import Promise

    asked = Asked(
        tuple(limits.parse(text) for text in options.limit), options.prevalence, promise_of(options) or Promise()
    )
    try:
        table_bytes = options.labels.read_bytes()
    except OSError as error:
        raise FileNotReadable(options.labels, error.strerror or type(error).__name__) from error
    table = read_labels(table_bytes)
    passed_over: list[PassedOver] = []
    items = [
        item
        for item in path_items(find_files(options.paths, passed_over), passed_over)
        if Path(item.name).name != options.labels.name
    ]
    matched = match(table.labels, items)
    faults = sorted([*table.faults, *matched.faults], key=lambda fault: fault.row)
    _tell(faults, matched.unlabelled, passed_over)
    if faults and not options.skip_faulty:
        raise FaultyLabels(len(faults))
    warm_up()
    model = model_of(options)
    names = pseudonyms(secret_file())
    if not names.lasting:
        print(NOT_LASTING, file=sys.stderr)
    this = run_of(model, options.population, table_bytes)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        asked = _state(options.out / LIMITS, asked, _says_nothing(options), options.against)
        journal = Journal(options.out / CASES, this)
        done = journal.begin()
    except OSError as error:
        raise FolderNotWritable(options.out, error.strerror) from error
    earlier = read_journal(_journal_in(options.against)) if options.against else None
    if earlier:
        check_in_common(earlier[1], [item.name for _, item in matched.pairs])
    if done:
        print(f"{len(done)} of {len(matched.pairs)} files are done already.", file=sys.stderr)
    print(DISCLAIMER, file=sys.stderr)
    found = read_cases(matched.pairs, model, options.population, names, done, journal)
    from tqdm import tqdm

    cases = list(tqdm(found, total=len(matched.pairs), unit="file", disable=None))
    parity = compare(earlier[0], earlier[1], this, cases) if earlier else None
    result = accept(this, model.spec.title, model.card, cases, asked, faults, len(matched.unlabelled), parity)
    items_by_name = {item.name: item for _, item in matched.pairs}
    try:
        write_whole(options.out / f"{REPORT}.json", as_json(result))
        write_whole(options.out / f"{REPORT}.pdf", report_pdf(result, of_errors(result, items_by_name)))
    except OSError as error:
        raise FolderNotWritable(options.out, error.strerror) from error
    print(words.summary(result))
    if options.profile:
        _write_profile(options.profile, make_profile(result, cases, model.card, options.name))
    print(f"wrote {options.out / REPORT}.json and .pdf")
    return 0 if result.accepted is not False else 1


def _write_profile(path: Path, profile: SiteProfile) -> None:
    from pulmoscan.models.site_profile import signed, write_profile
    from pulmoscan.population import GROUPS

    try:
        write_profile(path, profile)
    except OSError as error:
        raise FolderNotWritable(path, error.strerror, "--profile") from error
    points = ", ".join(f"{GROUPS[p]} {part.threshold:.3f}" for p, part in profile.populations.items())
    print(f"wrote {path}: site profile {signed(profile).label}, operating points {points}")


def _says_nothing(options: argparse.Namespace) -> bool:
    """Whether neither limits nor prevalence nor a promise other than the usual one are given."""
    from pulmoscan.statistics.triage import Promise

    return not options.limit and options.prevalence is None and promise_of(options) == Promise()


def _journal_in(path: Path) -> Path:
    """A run's folder holds it; what the page handed out is itself one."""
    return path if path.is_file() else path / CASES


def _tell(faults: Sequence[Fault], unlabelled: Sequence[str], passed_over: Sequence[PassedOver]) -> None:
    """On standard error: every fault by its row, and how many files nobody labelled."""
    for fault in faults:
        print(str(fault), file=sys.stderr)
    tell_passed_over(passed_over, anonymous=False)
    if unlabelled:
        print(f"{len(unlabelled)} files have no label and are not screened.", file=sys.stderr)


def _state(path: Path, asked: Asked, nothing_given: bool, against: Path | None) -> Asked:
    """Write down what is asked before anything is screened; it stays as it was stated.

    Args:
        nothing_given: the command says nothing of it; what was stated before then holds, here or of the earlier run.
        against: the folder of the earlier run that it is compared with.

    Raises:
        LimitsStated: another thing was stated before.
    """
    from pulmoscan.site.stated import Stated, read_stated

    if not path.exists():
        earlier = against / LIMITS if against else path
        if nothing_given and earlier.is_file() and (stated := read_stated(earlier)):
            asked = stated.asked
        Stated.of(asked).write(path)
        return asked
    before = read_stated(path)
    if before is not None and (nothing_given or before == Stated.of(asked)):
        return before.asked
    raise LimitsStated(path)

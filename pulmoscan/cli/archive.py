"""`archive`: a whole archive of radiographs, on one machine or a cluster; `archive report`: what a run found."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from pulmoscan import DISCLAIMER
from pulmoscan.cli.arguments import Commands, positive
from pulmoscan.cli.promises import add_site, default_model, put_in_force
from pulmoscan.errors import InvalidThreshold
from pulmoscan.models import registry
from pulmoscan.population import POPULATION_CHOICES

if TYPE_CHECKING:
    from pulmoscan.batch.archive.manifest import Asked
    from pulmoscan.batch.archive.processes import Pool

REPORT = "report"


def add(commands: Commands) -> None:
    """Its arguments."""
    parser = commands.add_parser(
        "archive", help="screen an archive of any size, or report on such a run", epilog=DISCLAIMER
    )
    parser.add_argument("source", help="a folder, a zip or tar file, a CSV or Parquet list, a URL; or: report")
    parser.add_argument("run_folder", nargs="?", metavar="DIR", help="after report: the --out of a run")
    parser.add_argument("--out", metavar="DIR", help="a folder or URL; a run that was begun there goes on")
    parser.add_argument(
        "--model",
        choices=(*registry.MODELS, *registry.EXTERNAL_MODELS),
        action="append",
        help=f"may be repeated; by default {registry.DEFAULT_MODEL}",
    )
    parser.add_argument("--population", choices=POPULATION_CHOICES, default="auto")
    parser.add_argument("--threshold", type=float, metavar="T", help="0 to 1; by default the operating point")
    parser.add_argument("--no-gate", action="store_true", help="screen also what does not look like a chest radiograph")
    parser.add_argument("--overlays", action="store_true", help="write an overlay of each")
    parser.add_argument(
        "--report", action="append", default=[], choices=("pdf", "dicom-sr", "dicom-sc", "png", "json"),
        help="write a report of each; may be repeated",
    )  # fmt: skip
    add_site(parser)
    parser.add_argument("--workers", type=positive, metavar="N", help="by default one a core")
    parser.add_argument(
        "--engine", choices=("auto", "ray", "processes"), default="auto", help="auto: Ray where it is installed"
    )
    parser.add_argument(
        "--ray-address", metavar="ADDRESS", help="of a Ray cluster, or auto; else Ray runs here, on loopback alone"
    )
    parser.add_argument("--unit", type=positive, default=64, metavar="N", help="files that are handed out together")
    parser.add_argument("--dry-run", action="store_true", help="screen a few, estimate the rest, write nothing")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="of the report")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    if options.source == REPORT and options.run_folder:
        return _report(options)
    if options.run_folder:
        print("pulmoscan archive: one SOURCE, please; `archive report DIR` takes a second word", file=sys.stderr)
        return 2
    if options.threshold is not None and not 0 <= options.threshold <= 1:
        raise InvalidThreshold(options.threshold)
    if not (options.out or options.dry_run):
        print("pulmoscan archive: give --out, where the results go, or --dry-run", file=sys.stderr)
        return 2
    print(DISCLAIMER, file=sys.stderr)
    if options.dry_run:
        os.environ.update(PULMOSCAN_THREADS="1", OMP_NUM_THREADS="1")  # what a worker has
    from pulmoscan.batch.archive.run import asked_for

    put_in_force(options)
    asked = asked_for(
        options.source,
        options.model or [default_model()],
        options.population,
        options.threshold,
        options.no_gate,
        options.unit,
        options.overlays,
        options.report,
    )
    if options.dry_run:
        from pulmoscan.batch.archive.estimate import estimate

        print(estimate(asked).words)
        return 0
    return _run(options, asked)


def _run(options: argparse.Namespace, asked: Asked) -> int:
    from tqdm import tqdm

    from pulmoscan.batch.archive import run as archive
    from pulmoscan.batch.archive.store import Store

    store = Store(options.out)
    asked = archive.begin(asked, store, lambda words: print(words, file=sys.stderr))
    pool = _pool(options, asked, store.where)
    try:
        with tqdm(total=asked.files, unit="file", smoothing=0.05, mininterval=1) as bar:
            manifest = archive.run(asked, store, pool, bar.update)
    finally:
        pool.close()
    for model, counts in manifest.counts.items():
        said = ", ".join(f"{count:,} {status}" for status, count in counts.items())
        print(f"{model}: {manifest.done:,} of {manifest.files:,} files done: {said}")
    if manifest.poisoned_files:
        print(f"{manifest.poisoned_files:,} files ended their worker twice; {store.path('manifest.json')} names them")
    failed = manifest.left + sum(n for counts in manifest.counts.values() for s, n in counts.items() if s in FAILURES)
    return 1 if failed else 0


FAILURES = ("refused", "error")


def _pool(options: argparse.Namespace, asked: Asked, out: str) -> Pool:
    from functools import partial
    from importlib.util import find_spec

    from pulmoscan.batch.archive.processes import Processes, cores, screener_of, variables

    make: Any = partial(screener_of, asked, out)
    workers = options.workers or cores()
    if options.engine == "processes" or (options.engine == "auto" and not options.ray_address and not find_spec("ray")):
        return Processes(make, workers, variables(1))
    from pulmoscan.batch.archive.ray_cluster import RayPool, connect

    if dashboard := connect(options.ray_address, workers):
        print(f"Ray's dashboard: http://{dashboard}", file=sys.stderr)
    return RayPool(make, workers, variables(1))


def _report(options: argparse.Namespace) -> int:
    from pulmoscan.batch.archive.report import report

    found = report(options.run_folder)
    print(found.as_json() if options.format == "json" else found.as_text())
    return 0

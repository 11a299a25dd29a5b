"""`benchmark`: how fast it is on this machine."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pulmoscan.cli.arguments import Commands, positive
from pulmoscan.errors import PulmoScanError
from pulmoscan.models import registry
from pulmoscan.settings import REPOSITORY


def add(commands: Commands) -> None:
    """Its arguments."""
    parser = commands.add_parser("benchmark", help="measure how fast it is here, against the demos' way")
    parser.add_argument("--model", choices=tuple(registry.MODELS), action="append", help="by default all")
    parser.add_argument(
        "--part",
        choices=("stages", "batches", "pipeline", "start", "command", "load", "page", "accuracy"),
        action="append",
        help="by default all but page, which needs a browser, and accuracy; may be repeated",
    )
    parser.add_argument("--rounds", type=positive, default=30, help="measurements of each way, interleaved")
    parser.add_argument(
        "--clock",
        choices=("wall", "processor"),
        default="wall",
        help="processor: where others work too, with one thread",
    )
    parser.add_argument("--against", type=Path, metavar="DIR", help="another checkout, to compare command with")
    parser.add_argument("--data", type=Path, action="append", default=[], metavar="DIR", help="for accuracy")
    parser.add_argument("--split", choices=("train", "validation", "test"), default="validation")
    parser.add_argument("--limit", type=positive, default=600, help="radiographs of the split that accuracy reads")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    sys.path.insert(0, str(REPOSITORY))
    try:
        from benchmarks.report import PARTS, run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != "benchmarks":
            raise
        raise PulmoScanError("The benchmarks are not installed; run this from a checkout of the source.") from error

    parts = options.part or PARTS
    if "accuracy" in parts and not options.data:
        raise PulmoScanError("The part accuracy reads radiographs: name a dataset with --data.")
    models = options.model or tuple(registry.MODELS)
    run(models, options.rounds, parts, options.data, options.split, options.limit, options.clock, options.against)
    return 0

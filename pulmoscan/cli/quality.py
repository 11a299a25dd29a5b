"""`quality`: the quality warnings, measured."""

from __future__ import annotations

import argparse

from pulmoscan.cli.arguments import Commands, add_data


def add(commands: Commands) -> None:
    """Its arguments."""
    parser = commands.add_parser("quality", help="measure the quality warnings, as they are and degraded")
    add_data(parser)
    parser.add_argument("--split", choices=("validation", "test"), default="validation")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from pulmoscan.training.evaluation.quality import describe, measure_quality

    print(describe(measure_quality(options.data, options.split)))
    return 0

"""`quality`: the quality warnings, measured."""

from __future__ import annotations

import argparse

from pulmoscan.cli.arguments import Commands, add_data, positive


def add(commands: Commands) -> None:
    """Its arguments."""
    parser = commands.add_parser(
        "quality", help="measure the quality warnings: on radiographs as they are, degraded, photographed, put together"
    )
    add_data(parser)
    parser.add_argument("--split", choices=("validation", "test"), default="validation")
    parser.add_argument(
        "--each", type=positive, default=120, metavar="N", help="photographs, screenshots and collages of each kind"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from pulmoscan.training.evaluation import quality, reproductions

    print(quality.describe(quality.measure_quality(options.data, options.split)))
    print(reproductions.describe(reproductions.measure_reproductions(options.data, options.split, options.each)))
    return 0

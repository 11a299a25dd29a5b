"""`parity`: scores of originals against those of small copies."""

from __future__ import annotations

import argparse
from pathlib import Path

from pulmoscan.cli.arguments import Commands, add_model
from pulmoscan.models import registry
from pulmoscan.models.card import add_evidence


def add(commands: Commands) -> None:
    """Its arguments."""
    parser = commands.add_parser("parity", help="compare scores of originals and of their small copies")
    add_model(parser)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the Kermany set with originals448")
    parser.add_argument("--split", choices=("train", "validation"), default="validation")
    parser.add_argument("--record", action="store_true", help="keep the figures in the model's card")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from pulmoscan.training.evaluation.parity import describe, parity

    result = parity(options.model, options.data, options.split)
    print(describe(options.model, options.split, result))
    if options.record:
        figures = {
            "mean difference": result.difference,
            **{f"changed decisions, {point}": share for point, share in result.changed.items()},
        }
        add_evidence(registry.get_spec(options.model), f"parity, {options.split}", figures)
    return 0

"""`parity`: scores of originals against those of small copies, or those of bfloat16 against float32."""

from __future__ import annotations

import argparse
from pathlib import Path

from pulmoscan.cli.arguments import Commands, add_model
from pulmoscan.errors import PulmoScanError
from pulmoscan.models import registry


def add(commands: Commands) -> None:
    """Its arguments."""
    parser = commands.add_parser("parity", help="compare scores of originals and small copies, or of two precisions")
    add_model(parser)
    parser.add_argument(
        "--data",
        type=Path,
        action="append",
        required=True,
        metavar="DIR",
        help="the Kermany set with originals448; with --precision all datasets, each with a --data of its own",
    )
    parser.add_argument("--precision", action="store_true", help="compare bfloat16 with float32")
    parser.add_argument("--split", choices=("train", "validation"), default="validation")
    parser.add_argument("--record", action="store_true", help="keep the figures in the model's card")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    if options.precision:
        return _precision(options)
    from pulmoscan.models.card import add_evidence
    from pulmoscan.training.evaluation.parity import describe, parity

    if len(options.data) > 1:
        raise PulmoScanError("Originals and copies are compared in one dataset: give --data once.")
    result = parity(options.model, options.data[0], options.split)
    print(describe(options.model, options.split, result))
    if options.record:
        figures = {
            "mean difference": result.difference,
            **{f"changed decisions, {point}": share for point, share in result.changed.items()},
        }
        add_evidence(registry.get_spec(options.model), f"parity, {options.split}", figures)
    return 0


def _precision(options: argparse.Namespace) -> int:
    from pulmoscan.models.card import add_evidence
    from pulmoscan.models.precision import MEASURED
    from pulmoscan.training.evaluation.precision import describe, precision_parity

    if options.record and options.split != "validation":
        raise PulmoScanError("What the card holds of precisions is measured on validation: leave --split out.")
    result = precision_parity(options.model, options.data, options.split)
    print(describe(options.model, options.split, result))
    if options.record:
        add_evidence(registry.get_spec(options.model), MEASURED, result.figures)
    return 0

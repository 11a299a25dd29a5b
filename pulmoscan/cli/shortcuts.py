"""`shortcuts`: a model, measured on radiographs that were changed."""

from __future__ import annotations

import argparse
from pathlib import Path

from pulmoscan.cli.arguments import Commands, add_model
from pulmoscan.models import registry
from pulmoscan.models.card import add_evidence


def add(commands: Commands) -> None:
    """Its arguments."""
    parser = commands.add_parser("shortcuts", help="measure a model on radiographs that were changed")
    add_model(parser)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the Kermany set with lung_masks224")
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    parser.add_argument("--record", action="store_true", help="keep the figures in the model's card")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from pulmoscan.training.evaluation.shortcuts import describe, figures, shortcut_tests

    tests = shortcut_tests(options.model, options.data, options.split)
    print(describe(options.model, options.split, tests))
    if options.record:
        add_evidence(registry.get_spec(options.model), f"shortcuts, {options.split}", figures(tests))
    return 0

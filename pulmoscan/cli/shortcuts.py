"""`shortcuts`: a model, measured on radiographs that were changed."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pulmoscan.cli.arguments import Commands, add_data, add_model, positive
from pulmoscan.models import registry

if TYPE_CHECKING:
    from pulmoscan.statistics.metrics import Estimate


def add(commands: Commands) -> None:
    """Its arguments."""
    parser = commands.add_parser("shortcuts", help="measure a model on radiographs that were changed")
    add_model(parser)
    add_data(parser)
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    parser.add_argument("--limit", type=positive, metavar="N", help="so many of the children, evenly spaced, not all")
    parser.add_argument("--record", action="store_true", help="keep the figures in the model's card")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Children's radiographs with lung masks are changed; adults whom radiologists classed are resampled."""
    from pulmoscan.errors import DatasetError
    from pulmoscan.models.card import add_evidence
    from pulmoscan.training.data.datasets import load_datasets, select
    from pulmoscan.training.evaluation import resampling, shortcuts

    examples = select(load_datasets(options.data), options.split)
    found: dict[str, Mapping[str, Estimate]] = {}
    if any(e.lung_mask for e in examples):
        tests = shortcuts.shortcut_tests(options.model, options.data, options.split, options.limit)
        print(shortcuts.describe(options.model, options.split, tests))
        found[f"shortcuts, {options.split}"] = shortcuts.figures(tests)
    if any(e.group == "opacity" for e in examples):
        figures = resampling.resampling_tests(options.model, options.data, options.split)
        print(resampling.describe(options.model, options.split, figures))
        found[f"resampling, adult, {options.split}"] = figures
    if not found:
        raise DatasetError(
            f"The {options.split} split holds neither children's radiographs with lung_masks224 nor adults whom "
            "radiologists classed; see docs/weights.md."
        )
    if options.record:
        for what, figures in found.items():
            add_evidence(registry.get_spec(options.model), what, figures)
    return 0

"""`calibrate`: the operating points anew, on validation."""

from __future__ import annotations

import argparse

from pulmoscan.cli.arguments import Commands, add_data, add_model
from pulmoscan.models import registry


def add(commands: Commands) -> None:
    """Its arguments."""
    parser = commands.add_parser("calibrate", help="fix a model's operating points again, on validation")
    add_model(parser)
    add_data(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from pulmoscan.models.card import read_card
    from pulmoscan.training.evaluation.calibrate import calibrate

    spec = registry.get_spec(options.model)
    # The training record stays; scores of other weights do not.
    card = calibrate(spec, options.data, read_card(spec).training)
    for population, threshold in card.thresholds.items():
        print(f"{spec.name}  {population}: operating point {threshold:.3f}")
    return 0

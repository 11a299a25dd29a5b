"""`cards`: the models' cards as Markdown with their curves, or as CHAI's applied model cards."""

from __future__ import annotations

import argparse
from pathlib import Path

from pulmoscan.cli.arguments import Commands
from pulmoscan.settings import model_cards_folder


def add(commands: Commands) -> None:
    """Its arguments."""
    parser = commands.add_parser("cards", help="write the models' cards as Markdown with their curves")
    parser.add_argument("--out", type=Path, default=model_cards_folder(), metavar="DIR")
    parser.add_argument(
        "--chai", action="store_true", help="write MODEL.chai.xml instead: CHAI's applied model card, for programs"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from pulmoscan.training.evaluation.chai import write_chai_cards
    from pulmoscan.training.evaluation.model_cards import write_model_cards

    write = write_chai_cards if options.chai else write_model_cards
    for path in write(options.out):
        print(f"wrote {path}")
    return 0

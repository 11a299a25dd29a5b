"""`cards`: the models' cards as Markdown with their curves."""

from __future__ import annotations

import argparse
from pathlib import Path

from pulmoscan.cli.arguments import Commands
from pulmoscan.settings import model_cards_folder


def add(commands: Commands) -> None:
    """Its arguments."""
    parser = commands.add_parser("cards", help="write the models' cards as Markdown with their curves")
    parser.add_argument("--out", type=Path, default=model_cards_folder(), metavar="DIR")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from pulmoscan.training.evaluation.model_cards import write_model_cards

    for path in write_model_cards(options.out):
        print(f"wrote {path}")
    return 0

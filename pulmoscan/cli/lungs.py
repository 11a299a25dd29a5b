"""`lungs`: the lung network and the gate, measured or trained."""

from __future__ import annotations

import argparse
from pathlib import Path

from pulmoscan.cli.arguments import Commands, add_data, positive


def add(commands: Commands) -> None:
    """Its arguments."""
    parser = commands.add_parser("lungs", help="measure the lung network and the gate, or train them")
    add_data(parser)
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    parser.add_argument("--record", action="store_true", help="keep the figures in the lung network's card")
    parser.add_argument("--train", action="store_true", help="train and calibrate first, and write weights and card")
    parser.add_argument("--checkpoint", type=Path, default=Path("runs/lungs.pt"), help="resumed from if it is there")
    parser.add_argument("--epochs", type=positive, default=6)
    parser.add_argument("--init", type=Path, metavar="FILE", help="weights to start from; random ones by default")
    parser.add_argument("--workers", type=int, default=2, help="processes that prepare batches")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from pulmoscan.training.lungs.calibrate import calibrate_lungs
    from pulmoscan.training.lungs.evaluate import describe, evaluate_lungs, record
    from pulmoscan.training.lungs.train import LungPlan, train_lungs

    if options.train:
        network, training = train_lungs(
            LungPlan(epochs=options.epochs), options.data, options.checkpoint, options.workers, options.init
        )
        calibrate_lungs(network, options.data, training)
    dice, figures = evaluate_lungs(options.data, options.split)
    print(describe(dice, figures))
    if options.record:
        record(dice, figures)
    return 0

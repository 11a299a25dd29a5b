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
    parser.add_argument(
        "--kinds-only", action="store_true", help="the same, but keep the outlines and train the kinds of picture alone"
    )
    parser.add_argument("--checkpoint", type=Path, default=Path("runs/lungs.pt"), help="resumed from if it is there")
    parser.add_argument("--epochs", type=positive, default=6)
    parser.add_argument(
        "--init",
        type=Path,
        metavar="FILE",
        help="weights to start from; by default random ones, and with --kinds-only those that are installed",
    )
    parser.add_argument("--workers", type=int, default=2, help="processes that prepare batches")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from pulmoscan.training.lungs.evaluate import describe, evaluate_lungs, record

    if options.train or options.kinds_only:
        _train(options)
    dice, figures = evaluate_lungs(options.data, options.split)
    print(describe(dice, figures))
    if options.record:
        record(dice, figures)
    return 0


def _train(options: argparse.Namespace) -> None:
    from pulmoscan.training.lungs.calibrate import calibrate_lungs
    from pulmoscan.training.lungs.kinds import KindPlan, keep_held_out, outlines, train_kinds
    from pulmoscan.training.lungs.train import LungPlan, train_lungs

    if options.kinds_only:
        network, training = outlines(options.init)
    else:
        plan = LungPlan(epochs=options.epochs)
        network, training = train_lungs(plan, options.data, options.checkpoint, options.workers, options.init)
    found = options.checkpoint.with_suffix(".kinds.pt")
    training["kinds"], heads = train_kinds(KindPlan(), network, options.data, found)
    card = calibrate_lungs(network, options.data, training)
    keep_held_out(card, network, heads, options.data)

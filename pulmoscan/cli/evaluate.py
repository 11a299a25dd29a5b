"""`evaluate`: a model, measured on a split."""

from __future__ import annotations

import argparse
from pathlib import Path

from pulmoscan.cli.arguments import Commands, add_data, add_model


def add(commands: Commands) -> None:
    """Its arguments."""
    parser = commands.add_parser("evaluate", help="measure a model on a split")
    add_model(parser, external=True)
    add_data(parser)
    parser.add_argument("--split", choices=("train", "validation", "test"), default="test")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write scores and figures as JSON")
    parser.add_argument("--record", action="store_true", help="keep the scores in the model's card, for the pages")
    parser.add_argument(
        "--usual", type=Path, metavar="FILE", help="what --out wrote for this network trained the usual way, to compare"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from pulmoscan.training.evaluation import baseline_training
    from pulmoscan.training.evaluation.evaluate import describe, evaluate, record, write_json

    usual = baseline_training.read_usual(options.usual, options.model, options.split) if options.usual else {}
    evaluations = evaluate(options.model, options.data, options.split)
    print("\n\n".join(describe(e, usual.get(e.population)) for e in evaluations))
    if options.out:
        write_json(evaluations, options.out)
    if options.record:
        record(evaluations)
        baseline_training.record(usual, options.model, options.split)
    return 0

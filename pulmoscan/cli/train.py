"""`train`: a classifier, from data to weights and card."""

from __future__ import annotations

import argparse
from pathlib import Path

from pulmoscan.cli.arguments import Commands, add_data, add_model, positive, rate
from pulmoscan.models import registry


def add(commands: Commands) -> None:
    """Its arguments."""
    parser = commands.add_parser("train", help="train a model, calibrate it and write its weights and card")
    add_model(parser)
    add_data(parser)
    parser.add_argument(
        "--init", default="imagenet", help="imagenet (torchvision's own), random, or a safetensors file"
    )
    parser.add_argument("--epochs", type=positive, help="by default what two CPU cores train in about an hour")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--learning-rate", type=rate, default=4e-4, help="the highest of the schedule; 4e-4, less from earlier weights"
    )
    parser.add_argument(
        "--no-lung-guidance", dest="lung_guided", action="store_false", help="train the usual way, for comparison"
    )
    parser.add_argument(
        "--freeze-early",
        dest="frozen",
        action="store_true",
        help="train the later stages alone, from earlier weights",
    )
    parser.add_argument("--checkpoint", type=Path, help="resumed from if it is there; by default runs/MODEL.pt")
    parser.add_argument("--workers", type=int, default=2, help="processes that prepare batches")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from pulmoscan.training.classifier.train import default_plan, train
    from pulmoscan.training.evaluation.calibrate import calibrate
    from pulmoscan.training.state import save_weights

    spec = registry.get_spec(options.model)
    plan = default_plan(
        spec.architecture, options.epochs, options.seed, options.lung_guided, options.frozen, options.learning_rate
    )
    checkpoint = options.checkpoint or Path("runs") / f"{spec.name}.pt"
    network, record = train(plan, options.data, options.init, checkpoint, options.workers)
    save_weights(network.backbone, spec.weights_path)
    calibrate(spec, options.data, record)
    print(f"wrote {spec.weights_path} and {spec.card_path}; measure them with `python -m pulmoscan evaluate`")
    return 0

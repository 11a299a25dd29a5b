"""`train`: a classifier, from data to weights and card."""

from __future__ import annotations

import argparse
from pathlib import Path

from pulmoscan.cli.arguments import Commands, add_data, add_model, draws, positive, rate, teacher
from pulmoscan.models import registry


def add(commands: Commands) -> None:
    """Its arguments."""
    parser = commands.add_parser("train", help="train a model, calibrate it and write its weights and card")
    add_model(parser)
    add_data(parser)
    parser.add_argument(
        "--init", default="imagenet", help="imagenet (torchvision's own), random, or a safetensors file"
    )
    parser.add_argument("--epochs", type=positive, help="by default those of the last step of the recipe")
    parser.add_argument(
        "--stop-after",
        type=positive,
        metavar="N",
        help="keep the averaged weights after N of the epochs, where validation says that the schedule is too long",
    )
    parser.add_argument(
        "--mean-with-init",
        action="store_true",
        help="keep the mean of the trained and the initial weights: what a short training forgets stays",
    )
    parser.add_argument(
        "--seed", type=int, action="append", help="0; repeated, the mean of a training with each is what is kept"
    )
    parser.add_argument(
        "--learning-rate", type=rate, help="the highest of the schedule; by default that of the last step, 1.5e-4"
    )
    parser.add_argument(
        "--draws",
        type=draws,
        metavar="GROUP=N,…",
        help="how often an example of each group comes in an epoch: child, mined, opacity, not normal, normal",
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
    parser.add_argument(
        "--teacher",
        type=teacher,
        action="append",
        default=[],
        metavar="MODEL=FILE",
        help="a trained network's weights; may be repeated. What they say together is learned beside the labels",
    )
    parser.add_argument(
        "--teaching", type=rate, default=0.7, help="how much of each label is the teachers' judgement; 0.7"
    )
    parser.add_argument("--checkpoint", type=Path, help="resumed from if it is there; by default runs/MODEL.pt")
    parser.add_argument("--workers", type=int, default=2, help="processes that prepare batches")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from pulmoscan.training.classifier.train import EPOCHS, TrainingPlan, train_mean
    from pulmoscan.training.evaluation.calibrate import calibrate
    from pulmoscan.training.state import save_weights

    spec = registry.get_spec(options.model)
    chosen = {"learning_rate": options.learning_rate, "draws": options.draws}
    plan = TrainingPlan(
        spec.architecture,
        options.epochs or EPOCHS,
        lung_guided=options.lung_guided,
        early_stages_frozen=options.frozen,
        teaching=options.teaching if options.teacher else 0.0,
        **{name: value for name, value in chosen.items() if value is not None},
    )
    checkpoint = options.checkpoint or Path("runs") / f"{spec.name}.pt"
    network, record = train_mean(
        plan,
        options.seed or [0],
        options.data,
        options.init,
        checkpoint,
        options.workers,
        options.stop_after,
        options.mean_with_init,
        options.teacher,
    )
    save_weights(network.backbone, spec.weights_path)
    calibrate(spec, options.data, record)
    print(f"wrote {spec.weights_path} and {spec.card_path}; measure them with `python -m pulmoscan evaluate`")
    return 0

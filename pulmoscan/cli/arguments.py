"""Arguments that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pulmoscan.models import registry

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Commands = object

GROUPS = ("child", "mined", "opacity", "not normal", "normal")
"""Of training examples, see `training.data.datasets.Group`; named here, since importing that takes long."""


def add_model(
    parser: argparse.ArgumentParser, default: str | None = None, external: bool = False, required: bool = True
) -> None:
    """Args:
    required: whether it must be named where it has no default.
    """
    names = (*registry.MODELS, *registry.EXTERNAL_MODELS) if external else tuple(registry.MODELS)
    parser.add_argument("--model", choices=names, default=default, required=required and default is None)


def add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, action="append", required=True, metavar="DIR", help="a dataset folder; may be repeated"
    )


def rate(text: str) -> float:
    rate = float(text)
    if not 0 < rate <= 1:
        raise argparse.ArgumentTypeError("must be above 0 and at most 1")
    return rate


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def port(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 65535:
        raise argparse.ArgumentTypeError("must be from 1 to 65535")
    return number


def draws(text: str) -> dict[str, float]:
    """“child=0.15,opacity=6”: how often an example of each group is drawn in an epoch."""
    found = {}
    for part in text.split(","):
        group, _, times = part.partition("=")
        if group.strip() not in GROUPS or not times.replace(".", "", 1).strip().isdigit():
            raise argparse.ArgumentTypeError(
                f"must be like “child=0.15,opacity=6”, of the groups {', '.join(GROUPS)}; docs/weights.md tells them"
            )
        found[group.strip()] = float(times)
    return found


def teacher(text: str) -> tuple[str, str]:
    """“resnet18=FILE” -> its architecture and the file."""
    model, _, file = text.partition("=")
    if model not in registry.MODELS or not file:
        raise argparse.ArgumentTypeError(f"must be like “resnet18=FILE”, of the models {', '.join(registry.MODELS)}")
    return registry.get_spec(model).architecture, file

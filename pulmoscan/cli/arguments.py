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


def add_model(parser: argparse.ArgumentParser, default: str | None = None, external: bool = False) -> None:
    names = (*registry.MODELS, *registry.EXTERNAL_MODELS) if external else tuple(registry.MODELS)
    parser.add_argument("--model", choices=names, default=default, required=default is None)


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

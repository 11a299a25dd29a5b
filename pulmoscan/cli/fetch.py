"""`fetch`: the weights of an external model."""

from __future__ import annotations

import argparse

from pulmoscan.cli.arguments import Commands
from pulmoscan.models import registry


def add(commands: Commands) -> None:
    """Its arguments."""
    parser = commands.add_parser("fetch", help="download the weights of an external model")
    parser.add_argument("--model", choices=tuple(registry.EXTERNAL_MODELS), required=True)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from pulmoscan.models.external.weights import download, read_weights

    spec = registry.EXTERNAL_MODELS[options.model]
    with tqdm(unit="B", unit_scale=True, desc=spec.file, disable=None) as bar:

        def progress(come: int, expected: int | None) -> None:
            bar.total = expected
            bar.update(come - bar.n)

        download(spec, progress)
    weights = read_weights(spec)
    print(f"wrote {spec.weights_path}\nSHA-256 {weights.sha256}", end=" ")
    print("(the published file)" if weights.is_published else "(kept; no published checksum is known)")
    return 0

"""`app`: the web app."""

from __future__ import annotations

import argparse
import importlib

from pulmoscan.cli.arguments import Commands, port
from pulmoscan.cli.promises import add_site, put_in_force

SERVER = "pulmoscan.ui.serve"
"""Called by its name, since a command imports no page; and in this process, since another Python starts for a while."""


def add(commands: Commands) -> None:
    """Its arguments."""
    parser = commands.add_parser("app", help="start the web app")
    parser.add_argument("--port", type=port, default=8501)
    add_site(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    put_in_force(options)
    importlib.import_module(SERVER).main(options.port)
    return 0

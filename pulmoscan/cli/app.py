"""`app`: the web app."""

from __future__ import annotations

import argparse
import runpy
import sys

from pulmoscan.cli.arguments import Commands
from pulmoscan.cli.promises import add_site, put_in_force

SERVER = "pulmoscan.ui.serve"
"""Run by its name, since a command imports no page; and in this process, since another Python starts for a while."""


def add(commands: Commands) -> None:
    """Its arguments."""
    parser = commands.add_parser("app", help="start the web app")
    parser.add_argument("--port", type=int, default=8501)
    add_site(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    put_in_force(options)
    # Streamlit takes .streamlit/config.toml from beside Home.py; this folder stays, so that paths in PULMOSCAN_* hold.
    sys.argv[:] = [SERVER, "--server.port", str(options.port)]
    runpy.run_module(SERVER, run_name="__main__")
    return 0

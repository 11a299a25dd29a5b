"""`app`: the web app."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from pulmoscan.cli.arguments import Commands


def add(commands: Commands) -> None:
    """Its arguments."""
    parser = commands.add_parser("app", help="start the web app")
    parser.add_argument("--port", type=int, default=8501)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    command = [sys.executable, "-m", "pulmoscan.ui.serve", "--server.port", str(options.port)]
    # Streamlit takes .streamlit/config.toml from beside Home.py; this folder stays, so that paths in PULMOSCAN_* hold.
    if os.name == "posix":
        os.execv(command[0], command)  # so that a signal to this process ends the app
    return subprocess.run(command, check=False).returncode

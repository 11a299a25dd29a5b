"""`app`: the web app."""

from __future__ import annotations

import argparse
import subprocess
import sys

from pulmoscan.cli.arguments import Commands
from pulmoscan.settings import REPOSITORY


def add(commands: Commands) -> None:
    """Its arguments."""
    parser = commands.add_parser("app", help="start the web app")
    parser.add_argument("--port", type=int, default=8501)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(REPOSITORY / "Home.py"),
        "--server.port",
        str(options.port),
    ]
    return subprocess.run(command, cwd=REPOSITORY, check=False).returncode

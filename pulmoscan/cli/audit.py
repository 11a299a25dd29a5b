"""`audit`: whether an audit log is as it was written."""

from __future__ import annotations

import argparse
from pathlib import Path

from pulmoscan.cli.arguments import Commands
from pulmoscan.errors import FileNotReadable


def add(commands: Commands) -> None:
    """Its arguments."""
    parser = commands.add_parser("audit", help="verify the audit log of `listen`")
    what = parser.add_subparsers(title="what to do", required=True, metavar="ACTION")
    verify = what.add_parser("verify", help="find any line that was changed, dropped or put in")
    verify.add_argument("log", type=Path, metavar="FILE")
    verify.add_argument("--key", type=Path, required=True, metavar="FILE", help="the key that the log was written with")
    verify.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """0 where nothing was changed, 1 where something was."""
    from pulmoscan.hospital.audit import read_key, verify

    if not options.key.is_file():
        raise FileNotReadable(options.key, "there is no such key")
    try:
        found = verify(options.log, read_key(options.key))
    except OSError as error:
        raise FileNotReadable(options.log, error.strerror or "an error") from error
    for fault in found.faults:
        print(fault)
    if not found.faults:
        print(f"{found.lines} lines, each as it was written.")
    return 1 if found.faults else 0

"""The command line: `python -m pulmoscan COMMAND`.

Exit codes: 0 all is well; 1 some files were refused or failed, or the command could not do its work; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from pulmoscan import DISCLAIMER, __version__
from pulmoscan.errors import InvalidThreshold, LibraryMissing, PulmoScanError
from pulmoscan.errors.traces import where
from pulmoscan.settings import IS_INSTALLED, own_python, set_up_blas, variable

COMMANDS = (
    "screen", "accept", "archive", "models", "samples", "app", "listen", "serve", "audit", "benchmark", "train",
    "calibrate", "fetch", "evaluate", "lungs", "parity", "cards", "quality", "shortcuts", "triage",
)  # fmt: skip
"""Each a module of this package that adds its arguments to the parser and runs. It is imported when it is named, and
imports what it needs when it runs, so that one command does not wait for another's libraries."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; every error becomes a sentence on standard error."""
    set_up_blas()
    arguments = sys.argv[1:] if arguments is None else arguments
    named = arguments[0] if arguments else ""
    options = _parser((named,) if named in COMMANDS else COMMANDS).parse_args(arguments)
    if not variable("DEBUG"):
        warnings.simplefilter("ignore")  # what libraries say of odd headers quotes them
    try:
        return int(options.run(options))
    except PulmoScanError as error:
        print(f"pulmoscan: {error}", file=sys.stderr)
        if isinstance(error.__cause__, OSError):
            _drop_unwritten()
        return 2 if isinstance(error, InvalidThreshold) else 1
    except KeyboardInterrupt:
        print("pulmoscan: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _drop_unwritten()
        return 1
    except Exception as error:
        if variable("DEBUG"):
            raise
        print(f"pulmoscan: {_unforeseen(error)}", file=sys.stderr)
        return 1


def _unforeseen(error: Exception) -> str:
    """In words, with what can be done about it; without the error's text, which may quote a header."""
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("pulmoscan"):
        return str(LibraryMissing(error.name, sys.executable, own_python(), IS_INSTALLED))
    return f"unexpected {where(error)}. Run again with PULMOSCAN_DEBUG=1 for the details, and report them."


def _drop_unwritten() -> None:
    """Where standard output takes no more, Python would complain once more when it flushes at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser(names: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    prog = "pulmoscan" if Path(sys.argv[0]).stem == "pulmoscan" else "python -m pulmoscan"
    parser = argparse.ArgumentParser(
        prog=prog, description="Pneumonia screening of chest radiographs.", epilog=DISCLAIMER
    )
    parser.add_argument("--version", action="version", version=f"PulmoScan {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name in names:
        importlib.import_module(f"pulmoscan.cli.{name}").add(commands)
    return parser

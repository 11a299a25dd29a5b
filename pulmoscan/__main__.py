"""`python -m pulmoscan`, and the command `pulmoscan`: see `pulmoscan.cli`.

A Python that is too old, or that PulmoScan is not installed for, gets a sentence. So nothing that is imported up to
here needs a library, and this file no syntax that is newer than Python 3.6's.
"""

import sys

from pulmoscan import OLDEST_PYTHON


def main() -> int:
    """Run the command that the arguments name; the exit code, as `pulmoscan.cli` has it."""
    if sys.version_info < OLDEST_PYTHON:
        print(
            f"pulmoscan: PulmoScan needs Python {OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]} or newer; {sys.executable} is "
            f"{sys.version_info[0]}.{sys.version_info[1]}. Name a newer one, for example: make app PYTHON=python3.12",
            file=sys.stderr,
        )
        return 1
    try:
        from pulmoscan.cli import main as command
    except ModuleNotFoundError as error:
        from pulmoscan.errors import LibraryMissing
        from pulmoscan.settings import IS_INSTALLED, own_python

        if str(error.name).startswith("pulmoscan"):
            raise
        print(
            f"pulmoscan: {LibraryMissing(str(error.name), sys.executable, own_python(), IS_INSTALLED)}", file=sys.stderr
        )
        return 1
    return command()


if __name__ == "__main__":
    sys.exit(main())

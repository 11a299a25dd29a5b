"""`screen` with made-up readings, for tests of what is written: no model is loaded, and every picture is screened."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import pulmoscan.batch.output
import pulmoscan.batch.outputs
import pulmoscan.export.files
from pulmoscan import cli
from pulmoscan.models.registry import get_spec
from pulmoscan.reading.radiograph import Radiograph
from pulmoscan.screening import Screening, decide
from tests.export.conftest import reading

MODEL = "resnet18"


@contextmanager
def quick() -> Iterator[pytest.MonkeyPatch]:
    """While it lives, nothing is read by a model."""

    def screen(
        radiograph: Radiograph, _: str, population: Any = "auto", threshold: float | None = None, *__: object
    ) -> Screening:
        return decide(reading(radiograph), population, threshold)

    with pytest.MonkeyPatch.context() as patch:
        model = SimpleNamespace(spec=get_spec(MODEL), site=None)
        patch.setattr("pulmoscan.batch.outcomes.screen", screen)
        for user in ("pulmoscan.screening", "pulmoscan.batch.outcomes"):
            patch.setattr(f"{user}.load_model", lambda _: model)
        patch.setattr("pulmoscan.examination.examine.lung_weights", lambda: None)
        patch.setenv("PULMOSCAN_DECODING", "here")
        yield patch


def dying(patch: pytest.MonkeyPatch, moment: str, number: int) -> None:
    """Kill this process when something is about to be done for the n-th time."""
    if moment == "half a row":
        _die_in_a_row(patch, number)
        return
    owner, attribute = {
        "write": (pulmoscan.export.files, "_write_part"),
        "name": (pulmoscan.export.files, "_name"),
        "record": (pulmoscan.batch.output, "record"),
        "settle": (pulmoscan.batch.outputs.Outputs, "settle"),
    }[moment]
    true, left = getattr(owner, attribute), [number]

    def counted(*arguments: Any) -> Any:
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return true(*arguments)

    patch.setattr(owner, attribute, counted)


def _die_in_a_row(patch: pytest.MonkeyPatch, number: int) -> None:
    writer = pulmoscan.batch.output.JsonLines
    true, left = writer.write, [number]

    def cut(self: pulmoscan.batch.output.JsonLines, outcome: Any) -> None:
        left[0] -= 1
        if not left[0]:
            self.stream.write('{"file": "' + outcome.file[:-3])
            self.stream.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        true(self, outcome)

    patch.setattr(writer, "write", cut)


def start(arguments: Sequence[str], results: Path, said: Path, die: str = "", largest: int = 0) -> int:
    """Run the command line in a process of its own, its results appended to a file; the process's number.

    A fork, since starting Python anew with all libraries takes a hundred times as long.

    Args:
        die: `moment:number`, see `dying`.
        largest: bytes of a file that may be written, if not 0.
    """
    process = os.fork()
    if process:
        return process
    code = 70
    try:
        for number, target in ((1, results), (2, said)):
            os.dup2(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644), number)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8")
        sys.stderr = os.fdopen(2, "w", encoding="utf-8")
        with quick() as patch:
            if die:
                moment, count = die.split(":")
                dying(patch, moment, int(count))
            if largest:
                import resource  # not everywhere

                resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
            code = cli.main(arguments)
        sys.stdout.flush()
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        sys.stderr.flush()
        os._exit(code)


def end_of(process: int) -> int:
    """Its exit code when it ends, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])

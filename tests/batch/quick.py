"""`screen` with made-up readings, for tests of what is written: no model is loaded, and every picture is screened.

Run as a program it takes the command line's arguments, and can be told to die at a moment or to write small files only:
`DIE=moment:number`, `LARGEST=bytes`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

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
        model = SimpleNamespace(spec=get_spec(MODEL))
        patch.setattr("pulmoscan.batch.outcomes.screen", screen)
        for user in ("pulmoscan.screening", "pulmoscan.batch.outcomes"):
            patch.setattr(f"{user}.load_model", lambda _: model)
        patch.setattr("pulmoscan.examination.examine.lung_weights", lambda: None)
        yield patch


def dying(patch: pytest.MonkeyPatch, moment: str, number: int) -> None:
    """Kill this process when something is about to be done for the n-th time."""
    if moment == "half a row":
        _die_in_a_row(patch, number)
        return
    name = {
        "write": "pulmoscan.export.files._write_part",
        "name": "pulmoscan.export.files._name",
        "record": "pulmoscan.batch.output.record",
        "settle": "pulmoscan.batch.outputs.Outputs.settle",
    }[moment]
    module, _, attribute = name.rpartition(".")
    owner: Any = sys.modules.get(module) or getattr(sys.modules[module.rpartition(".")[0]], "Outputs")  # noqa: B009
    true, left = getattr(owner, attribute), [number]

    def counted(*arguments: Any) -> Any:
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return true(*arguments)

    patch.setattr(owner, attribute, counted)


def _die_in_a_row(patch: pytest.MonkeyPatch, number: int) -> None:
    import pulmoscan.batch.output as output

    true, left = output.JsonLines.write, [number]

    def cut(self: output.JsonLines, outcome: Any) -> None:
        left[0] -= 1
        if not left[0]:
            self.stream.write('{"file": "' + outcome.file[:-3])
            self.stream.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        true(self, outcome)

    patch.setattr(output.JsonLines, "write", cut)


def main() -> int:
    import pulmoscan.batch.output
    import pulmoscan.batch.outputs  # noqa: F401 - to be patched

    with quick() as patch:
        if at := os.environ.get("DIE"):
            moment, number = at.split(":")
            dying(patch, moment, int(number))
        if largest := os.environ.get("LARGEST"):
            import resource

            resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest), int(largest)))
        return cli.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

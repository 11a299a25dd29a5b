"""A screener that no model is needed for; other processes import it, so it stands in a module of its own."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from pulmoscan.batch.archive.entries import Entry
from pulmoscan.batch.archive.schema import Row
from pulmoscan.batch.archive.screening import UnitDone, about_entry, write_unit
from pulmoscan.batch.archive.store import Store
from pulmoscan.errors import OutNotWritable


class Stub:
    """Writes a row for each file. What a file does is told by its name: `crash` ends the process, `crash-once` only the
    first time, `stop` says that nothing can be written any more.

    Args:
        notes: folder in which it notes which file it has been given.
    """

    def __init__(self, out: str, notes: str, seconds: float = 0.0) -> None:
        self.store, self.notes, self.seconds = Store(out), Path(notes), seconds

    def unit(self, number: int, entries: Sequence[Entry]) -> UnitDone:
        write_unit(self.store, number, [self.row(entry, 1) for entry in entries])
        return UnitDone(len(entries))

    def alone(self, entry: Entry, attempt: int) -> list[Row]:
        return [self.row(entry, attempt)]

    def row(self, entry: Entry, attempt: int) -> Row:
        time.sleep(self.seconds)
        name = Path(entry.file).stem
        note = self.notes / f"{name}.{attempt}.{os.getpid()}"
        note.touch()
        if name.startswith("stop"):
            raise OutNotWritable("somewhere", "no space left")
        if name.startswith("crash") and not (name.startswith("crash-once") and attempt > 1):
            os.kill(os.getpid(), signal.SIGKILL)
        about = {"status": "ok", "model": "stub", "label": "normal", "sha256": name, "poisoned": False}
        return about_entry(entry) | about | {"attempt": attempt}


def fails() -> Stub:
    """A worker that cannot start."""
    os._exit(3)

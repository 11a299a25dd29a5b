"""What was asked before any figure was known, as a file that stays."""

from __future__ import annotations

from pathlib import Path

from pulmoscan.errors import PulmoScanError
from pulmoscan.reading.records import Record, read_record, write_record
from pulmoscan.site.acceptance import Asked
from pulmoscan.site.limits import parse
from pulmoscan.statistics.triage import Promise


class Stated(Record, frozen=True):
    """As `Asked`; limits in the form of the command line."""

    limits: tuple[str, ...]
    prevalence: float | None
    miss_rate: float
    false_alarm_rate: float
    confidence: float

    @classmethod
    def of(cls, asked: Asked) -> Stated:
        promise = asked.promise
        return cls(
            limits=tuple(limit.form for limit in asked.limits),
            prevalence=asked.prevalence,
            miss_rate=promise.miss_rate,
            false_alarm_rate=promise.false_alarm_rate,
            confidence=promise.confidence,
        )

    @property
    def asked(self) -> Asked:
        promise = Promise(self.miss_rate, self.false_alarm_rate, self.confidence)
        return Asked(tuple(parse(limit) for limit in self.limits), self.prevalence, promise)

    def write(self, path: Path) -> None:
        """Whole or not at all.

        Raises:
            OSError: it cannot be written.
        """
        write_record(path, self)


def read_stated(path: Path) -> Stated | None:
    """What was stated; None where the file says nothing that can be read.

    Raises:
        OSError: it cannot be read.
    """
    try:
        stated = read_record(path, Stated)
        return stated if stated.asked else None
    except (ValueError, PulmoScanError):
        return None

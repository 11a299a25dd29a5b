"""What a run will cost (`--dry-run`): a few files of the source are read and screened, and nothing is written."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass

from pulmoscan.batch.archive.entries import Entry, entries
from pulmoscan.batch.archive.manifest import Asked
from pulmoscan.batch.archive.screening import Screener

SAMPLE = 32
CORES = (1, 16, 64, 256)
BYTES_A_ROW = 500
"""Of a result, packed, with its evidence of 14 × 14 cells; measured on 5,840 radiographs."""


@dataclass(frozen=True)
class Estimate:
    """What a run is likely to take.

    Attributes:
        files: in the list; `sampled` of them were read and screened.
        listing: seconds that the listing took.
        megabytes: of a file on average, NaN where neither list nor sample tells.
        seconds: a file takes of one core, decoding and all models.
        waiting: seconds a file was waited for by whoever read it; a worker reads ahead, so this costs no core.
        result_megabytes: of all rows together.
    """

    files: int
    sampled: int
    listing: float
    megabytes: float
    seconds: float
    waiting: float
    result_megabytes: float

    def hours(self, cores: int) -> float:
        """With so many cores and as many workers: the slower of computing and of reading, which goes on beside it."""
        return self.files * max(self.seconds, self.waiting) / cores / 3600

    @property
    def words(self) -> str:
        """Lines for a person."""
        lines = [
            f"{self.files:,} files, listed in {self.listing:.1f} s; {self.sampled} of them were screened.",
            f"A file: {self.megabytes:.2f} MB, {self.seconds:.2f} s of one core, {1000 * self.waiting:.0f} ms to read.",
            f"The results will take about {self.result_megabytes:,.0f} MB.",
            *(f"{cores:>4} cores: about {_duration(self.hours(cores))}" for cores in CORES),
        ]
        return "\n".join(lines)


def estimate(asked: Asked, sample: int = SAMPLE) -> Estimate:
    """Draw files at random, always the same ones of a source, and screen them on one core.

    Raises:
        SourceNotListed, PlaceRefused, ModelError: as they say.
    """
    began = time.perf_counter()
    chosen, count, listed = _drawn(asked.source, sample)
    listing = time.perf_counter() - began
    screener = Screener(asked, ".")  # which writes nothing by itself
    screener.alone(chosen[0], 1)  # the first pass lays the weights out
    read, sizes = [], []
    for entry in chosen:
        began = time.perf_counter()
        sizes.append(screener.read(entry))
        read.append(time.perf_counter() - began)
    began, before = time.perf_counter(), time.process_time()
    for entry in chosen:
        screener.alone(entry, 1)
    took, used = time.perf_counter() - began, time.process_time() - before
    known = [size for size in sizes if size >= 0]
    size = listed or (sum(known) / len(known) if known else math.nan)
    decoding = max(0.0, took - sum(read) - used)  # in a process of its own, while this one waited
    return Estimate(
        files=count,
        sampled=len(chosen),
        listing=listing,
        megabytes=size / 1e6,
        seconds=(used + decoding) / len(chosen),
        waiting=sum(read) / len(read),
        result_megabytes=count * len(asked.weights) * BYTES_A_ROW / 1e6,
    )


def _drawn(source: str, sample: int) -> tuple[list[Entry], int, float]:
    """So many entries by reservoir sampling (Vitter 1985, algorithm R), how many there are, and their mean size."""
    draw = random.Random(0)
    chosen: list[Entry] = []
    count, total, known = 0, 0, 0
    for entry in entries(source):
        count += 1
        if entry.size >= 0:
            total, known = total + entry.size, known + 1
        if len(chosen) < sample:
            chosen.append(entry)
        elif (place := draw.randrange(count)) < sample:
            chosen[place] = entry
    return chosen, count, total / known if known else 0.0


def _duration(hours: float) -> str:
    if hours < 1 / 60:
        return f"{3600 * hours:.0f} s"
    if hours < 2:
        return f"{60 * hours:.0f} min"
    return f"{hours:.1f} h" if hours < 72 else f"{hours / 24:.1f} days"

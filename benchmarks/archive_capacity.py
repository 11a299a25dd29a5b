"""How long an archive takes, by a formula, and by a simulation with injected latency that the formula is checked with.

    python -m benchmarks.archive_capacity                                       # the check, some two minutes
    python -m benchmarks.archive_capacity --seconds 0.08 --megabytes 0.5        # the table of docs/archives.md

The simulation is the real driver, the real workers' reading ahead and the real shards. Only the store answers after a
delay, and the models' work is slept instead of done, so that many workers fit on a few cores.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from pulmoscan.batch.archive import run as archive
from pulmoscan.batch.archive.entries import Entry
from pulmoscan.batch.archive.manifest import Asked
from pulmoscan.batch.archive.processes import Task, work
from pulmoscan.batch.archive.schema import VERSION, Row
from pulmoscan.batch.archive.screening import Screener, about_entry
from pulmoscan.batch.archive.store import Store

FILES, CORES = (10**6, 10**7), (16, 64, 256)
KEYS_A_REQUEST = 1000
REQUESTS_A_SECOND = 5500
"""Reads of a prefix that S3 serves, by its documentation."""


@dataclass(frozen=True)
class Delays:
    """What an object store does.

    Attributes:
        latency: seconds until a file's first byte; listing: until a page of 1,000 names.
        bandwidth: bytes a second, for all workers together; stream: for one.
    """

    latency: float = 0.03
    listing: float = 0.15
    bandwidth: float = 1.25e9
    stream: float = 9e7
    requests: float = REQUESTS_A_SECOND


@dataclass(frozen=True)
class Times:
    """Seconds that each part would take by itself; the slowest of all but listing, plus listing, is the run's."""

    listing: float
    computing: float
    reading: float
    bandwidth: float
    requests: float

    @property
    def whole(self) -> float:
        return self.listing + max(self.computing, self.reading, self.bandwidth, self.requests)

    @property
    def bottleneck(self) -> str:
        parts = {name: getattr(self, name) for name in ("computing", "reading", "bandwidth", "requests", "listing")}
        return max(parts, key=lambda name: float(parts[name]))


def predicted(files: int, workers: int, seconds: float, megabytes: float, store: Delays) -> Times:
    """By the formula.

    Args:
        seconds: of one core for a file, decoding and all models.
    """
    size = 1e6 * megabytes
    return Times(
        listing=files / KEYS_A_REQUEST * store.listing,
        computing=files * seconds / workers,
        reading=files * (store.latency + size / store.stream) / workers,
        bandwidth=files * size / store.bandwidth,
        requests=files / store.requests,
    )


class Simulated(Screener):
    """A worker that waits instead of reading, and sleeps instead of computing."""

    def __init__(self, asked: Asked, store: Store, latency: float, seconds: float) -> None:
        self.asked, self.store, self.latency, self.seconds = asked, store, latency, seconds
        self._decoding = ThreadPoolExecutor(1)

    def _load(self, entry: Entry) -> Any:  # noqa: ARG002
        time.sleep(self.latency)

    def _screened(self, entry: Entry, decoding: Future[Any], attempt: int) -> list[Row]:
        decoding.result()
        time.sleep(self.seconds)
        about = {"status": "ok", "model": "simulated", "label": "normal", "poisoned": False}
        return [about_entry(entry) | about | {"attempt": attempt}]


class Threads:
    """A pool of this process's threads."""

    def __init__(self, make: Callable[[], Any], workers: int) -> None:
        self._idle = [make() for _ in range(workers)]
        self._done: SimpleQueue[tuple[Task, Any, Any]] = SimpleQueue()

    @property
    def room(self) -> int:
        return len(self._idle)

    def submit(self, task: Task) -> None:
        worker = self._idle.pop()
        threading.Thread(target=lambda: self._done.put((task, work(worker, task), worker)), daemon=True).start()

    def next(self) -> tuple[Task, Any]:
        task, answer, worker = self._done.get()
        self._idle.append(worker)
        return task, answer

    def close(self) -> None:
        self._idle.clear()


def simulated(files: int, workers: int, seconds: float, latency: float) -> float:
    """Seconds that a run takes, listing left out."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "list.csv")
        source.write_text("path\n" + "".join(f"{number}.png\n" for number in range(files)))
        asked = Asked(
            source=str(source), weights={"simulated": "0"}, lung_weights="0", population="auto", unit=16, version="0",
            schema_version=VERSION,
        )  # fmt: skip
        store = Store(str(Path(folder, "out")))
        asked = archive.begin(asked, store)
        began = time.perf_counter()
        manifest = archive.run(asked, store, Threads(lambda: Simulated(asked, store, latency, seconds), workers))
        assert manifest.adds_up and not manifest.left  # noqa: PT018
        return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, help="of one core a file, as --dry-run says; prints the table")
    parser.add_argument("--megabytes", type=float, default=0.5)
    options = parser.parse_args()
    if options.seconds:
        print("| files | cores | time | slowest part |\n|---|---|---|---|")
        for files in FILES:
            for cores in CORES:
                times = predicted(files, cores, options.seconds, options.megabytes, Delays())
                print(f"| {files:,} | {cores} | {times.whole / 3600:.1f} h | {times.bottleneck} |")
        return
    print("| workers | store answers after | a file computes | predicted s | simulated s |\n|---|---|---|---|---|")
    for workers in (4, 16, 64):
        for latency, seconds in ((0.02, 0.1), (0.1, 0.1), (0.3, 0.1)):
            files = 64 * workers
            guess = predicted(files, workers, seconds, 0, Delays(latency, bandwidth=1e18, requests=1e9))
            took = simulated(files, workers, seconds, latency)
            guessed = guess.whole - guess.listing
            print(f"| {workers} | {1000 * latency:.0f} ms | {1000 * seconds:.0f} ms | {guessed:.1f} | {took:.1f} |")


if __name__ == "__main__":
    main()

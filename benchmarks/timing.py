"""Fair timing on a machine that has other work too: what is compared takes turns, so that load hits all alike."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

PAUSE = 0.01
"""Seconds before each measurement: thread pools of the one before spin for a while after their work is done."""


CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "processor": time.process_time}
"""What is counted: the time that a user waits, or the processor time of this process. On a machine that others use too,
the second comes near what the first would be on a quiet one, but with one thread only: threads that wait may spin."""


@dataclass
class Times:
    """Durations of one thing, in milliseconds."""

    milliseconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return float(np.median(self.milliseconds))

    @property
    def p95(self) -> float:
        return float(np.percentile(self.milliseconds, 95))


class Stopwatch:
    """Splits one run into stages: each `lap` is the time since the last."""

    def __init__(self, times: dict[str, Times], clock: Callable[[], float] = time.perf_counter) -> None:
        self._times = times
        self._clock = clock
        self._began = self._last = clock()

    def lap(self, stage: str) -> None:
        now = self._clock()
        self._times.setdefault(stage, Times()).milliseconds.append(1000 * (now - self._last))
        self._last = now

    def total(self, stage: str) -> None:
        elapsed = self._clock() - self._began
        self._times.setdefault(stage, Times()).milliseconds.append(1000 * elapsed)


def interleave(
    ways: Mapping[str, Callable[[Stopwatch], object]],
    rounds: int,
    warm_up: int = 3,
    tick: Callable[[], object] = int,
    clock: str = "wall",
) -> dict[str, Times]:
    """Time every way once a round, one after the other.

    Args:
        ways: each is given a stopwatch for its stages; its whole time is kept under its own name.
        tick: called after each round.
        clock: a key of `CLOCKS`.
    """
    times: dict[str, Times] = {}
    for number in range(warm_up + rounds):
        for name, way in ways.items():
            time.sleep(PAUSE)
            watch = Stopwatch(times if number >= warm_up else {}, CLOCKS[clock])
            way(watch)
            watch.total(name)
        tick()
    return times


def processor() -> str:
    """The name of this machine's."""
    try:
        lines: Iterable[str] = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def load_average() -> str:
    """Other work on the machine makes every figure but the ratios worthless, so it is said."""
    return f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""

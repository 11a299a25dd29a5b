"""Fair timing on a machine that has other work too: what is compared takes turns, so that load hits all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

PAUSE = 0.01
"""Seconds before each measurement: thread pools of the one before spin for a while after their work is done."""


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

    def __init__(self, times: dict[str, Times]) -> None:
        self._times = times
        self._began = self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self._times.setdefault(stage, Times()).milliseconds.append(1000 * (now - self._last))
        self._last = now

    def total(self, stage: str) -> None:
        elapsed = time.perf_counter() - self._began
        self._times.setdefault(stage, Times()).milliseconds.append(1000 * elapsed)


def interleave(
    ways: Mapping[str, Callable[[Stopwatch], object]], rounds: int, warm_up: int = 3, tick: Callable[[], object] = int
) -> dict[str, Times]:
    """Time every way once a round, one after the other.

    Args:
        ways: each is given a stopwatch for its stages; its whole time is kept under its own name.
        tick: called after each round.
    """
    times: dict[str, Times] = {}
    for number in range(warm_up + rounds):
        for name, way in ways.items():
            time.sleep(PAUSE)
            watch = Stopwatch(times if number >= warm_up else {})
            way(watch)
            watch.total(name)
        tick()
    return times

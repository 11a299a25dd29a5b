"""Long work in a thread of its own, with progress, so that a page stays alive: iterator -> results, one by one."""

from __future__ import annotations

import logging
import math
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from pulmoscan.errors import PulmoScanError
from pulmoscan.errors.traces import log_unforeseen

T = TypeVar("T")
State = Literal["running", "done", "cancelled", "failed"]

RATE_WINDOW = 30
"""Results that the rate is measured over."""
UNFORESEEN = "Something went wrong that should not have; the terminal that the app runs in says more. Try again."

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes:
        rate: results a second, lately; NaN before the second one.
        seconds_left: at that rate; NaN where it is not known.
        failure: why it failed, for a person.
    """

    state: State
    done: int
    total: int
    rate: float
    seconds_left: float
    failure: str

    @property
    def words(self) -> str:
        """`120 of 500 · 4.1 a second · about 2 min left`."""
        return f"{self.done} of {self.total}{self.pace}"

    @property
    def pace(self) -> str:
        """` · 4.1 a second · about 2 min left`; empty before it is known and when it has ended."""
        if self.state != "running" or math.isnan(self.rate):
            return ""
        return f" · {self.rate:.1f} a second · about {_duration(self.seconds_left)} left"


@dataclass(eq=False)
class _Inside(Generic[T]):
    """What the thread knows. It holds no reference to the Job, so that a forgotten Job can end it."""

    work: Callable[[], Iterator[T]]
    total: int
    stop: threading.Event = field(default_factory=threading.Event)
    results: list[T] = field(default_factory=list)
    times: deque[float] = field(default_factory=lambda: deque(maxlen=RATE_WINDOW + 1))
    state: State = "running"
    failure: str = ""


class Job(Generic[T]):
    """Runs an iterator to its end, or until it is cancelled or nobody holds the Job any more.

    A browser session that ends drops its Job, and the work with it.
    """

    def __init__(self, work: Callable[[], Iterator[T]], total: int) -> None:
        self._inside = _Inside(work, total)
        self._inside.times.append(time.monotonic())
        self._thread = threading.Thread(target=_run, args=(self._inside,), name="job", daemon=True)
        weakref.finalize(self, self._inside.stop.set)
        self._thread.start()

    @property
    def results(self) -> list[T]:
        """What is done so far, in order."""
        return list(self._inside.results)

    @property
    def running(self) -> bool:
        return self._inside.state == "running"

    @property
    def progress(self) -> Progress:
        inside = self._inside
        times, done = list(inside.times), len(inside.results)
        span = times[-1] - times[0]
        rate = (len(times) - 1) / span if len(times) > 2 and span > 0 else math.nan
        left = (inside.total - done) / rate if rate > 0 else math.nan
        return Progress(inside.state, done, inside.total, rate, left, inside.failure)

    def cancel(self) -> None:
        """Stop before the next result; what is done stays."""
        self._inside.stop.set()

    def wait(self, seconds: float | None = None) -> None:
        """Until it has ended."""
        self._thread.join(seconds)


def _run(inside: _Inside[T]) -> None:
    try:
        for result in inside.work():
            inside.results.append(result)
            inside.times.append(time.monotonic())
            if inside.stop.is_set():
                inside.state = "cancelled" if len(inside.results) < inside.total else "done"
                return
        inside.state = "done"
    except PulmoScanError as error:
        inside.failure, inside.state = str(error), "failed"
    except Exception as error:
        log_unforeseen(logger, "in a job", error)
        inside.failure, inside.state = UNFORESEEN, "failed"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = seconds / 60
    return f"{round(minutes)} min" if minutes < 90 else f"{minutes / 60:.1f} h"

"""Work in a thread: progress, cancelling, failing, and ending with whoever held it."""

from __future__ import annotations

import gc
import math
import threading
import time
from collections.abc import Iterator

import pytest

from pulmoscan.batch.jobs import UNFORESEEN, Job
from pulmoscan.errors import PulmoScanError

PATIENCE = 20.0


class Steps:
    """An iterator that goes one step each time it is let."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.gate = threading.Semaphore(0)
        self.done = 0

    def work(self) -> Iterator[int]:
        for i in range(self.total):
            assert self.gate.acquire(timeout=PATIENCE)
            self.done = i + 1
            yield i

    def let(self, steps: int, job: Job[int]) -> None:
        goal = len(job.results) + steps
        for _ in range(steps):
            self.gate.release()
        until(lambda: len(job.results) >= goal)


def until(condition: object) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_results_and_progress_come_one_by_one() -> None:
    steps = Steps(4)
    job = Job(steps.work, 4)
    assert job.running
    assert job.progress.words == "0 of 4"
    assert math.isnan(job.progress.rate)
    steps.let(3, job)
    progress = job.progress
    assert (progress.state, progress.done) == ("running", 3)
    assert progress.rate > 0
    assert progress.seconds_left == pytest.approx(1 / progress.rate)
    assert "3 of 4 · " in progress.words
    assert "left" in progress.words
    steps.let(1, job)
    job.wait(PATIENCE)
    assert (job.progress.state, job.results) == ("done", [0, 1, 2, 3])
    assert job.progress.words == "4 of 4"


def test_cancelling_keeps_what_is_done() -> None:
    steps = Steps(100)
    job = Job(steps.work, 100)
    steps.let(2, job)
    job.cancel()
    steps.gate.release()
    job.wait(PATIENCE)
    assert job.progress.state == "cancelled"
    assert job.results == [0, 1, 2]
    assert steps.done == 3, "nothing is begun after that"


def test_failure_is_told_in_words_and_keeps_what_is_done() -> None:
    def work() -> Iterator[int]:
        yield 1
        raise PulmoScanError("The weights are gone. Fetch them.")

    job = Job(work, 2)
    job.wait(PATIENCE)
    assert (job.progress.state, job.progress.failure) == ("failed", "The weights are gone. Fetch them.")
    assert job.results == [1]


def test_unforeseen_failure_shows_no_internals() -> None:
    def work() -> Iterator[int]:
        raise RuntimeError("internals")
        yield 1

    job = Job(work, 1)
    job.wait(PATIENCE)
    assert job.progress.failure == UNFORESEEN


def test_work_ends_when_its_session_is_gone() -> None:
    """A browser session that ends drops its Job; no thread goes on for nobody."""
    steps = Steps(1000)
    job = Job(steps.work, 1000)
    steps.let(1, job)
    thread = job._thread
    del job
    gc.collect()
    steps.gate.release()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert steps.done == 2

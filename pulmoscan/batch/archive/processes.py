"""Workers as processes of this machine, each with a `Screener`. The death of one costs what it was at, and no more."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol

from pulmoscan.batch.archive.entries import Entry
from pulmoscan.batch.archive.manifest import Asked
from pulmoscan.errors import ArchiveRunError, PulmoScanError, WorkersFail
from pulmoscan.settings import variable

START_TRIES = 3
"""Workers in a row that end before they have started."""


@dataclass(frozen=True)
class Task:
    """What a worker is given: a unit of the list, or one file of it alone.

    Attributes:
        attempt: 1 for a unit, more for a file alone.
    """

    unit: int
    entries: tuple[Entry, ...]
    attempt: int = 1

    @property
    def alone(self) -> bool:
        return self.attempt > 1


@dataclass(frozen=True)
class Lost:
    """The worker of a task has ended, and the task with it."""


@dataclass(frozen=True)
class Stop:
    """No worker can go on, and why: `PulmoScanError`s have words of their own, and do not travel."""

    message: str


class Pool(Protocol):
    """Workers that are handed tasks."""

    @property
    def room(self) -> int:
        """How many more tasks can be handed out now."""
        ...

    def submit(self, task: Task) -> None:
        """Hand a task to a worker."""
        ...

    def next(self) -> tuple[Task, Any]:
        """The next result: of a unit a `UnitDone`, of a file alone its rows, or `Lost`.

        Raises:
            ArchiveRunError: a worker cannot go on, and no other could.
        """
        ...

    def close(self) -> None:
        """End all workers."""
        ...


class Processes:
    """A `Pool` of this machine's processes.

    Args:
        make: what a worker makes at its start, with `unit` and `alone`: a `Screener`.
        variables: of each worker's environment.
    """

    def __init__(self, make: Callable[[], Any], workers: int, variables: dict[str, str]) -> None:
        self._make, self._variables = make, variables
        self._context = multiprocessing.get_context("spawn")
        self._workers = [_Worker(self._context, make, variables) for _ in range(workers)]

    @property
    def room(self) -> int:
        return sum(worker.task is None for worker in self._workers)

    @property
    def pids(self) -> list[int]:
        """Process numbers of the workers."""
        return [worker.process.pid or 0 for worker in self._workers]

    def submit(self, task: Task) -> None:
        next(worker for worker in self._workers if worker.task is None).give(task)

    def next(self) -> tuple[Task, Any]:
        failed = 0
        while True:
            busy = {worker.connection: worker for worker in self._workers if worker.task is not None}
            (ready, *_) = wait(list(busy))
            worker = busy[ready]
            task, answer = worker.answer()
            if isinstance(answer, Lost):
                started = worker.started
                self._workers[self._workers.index(worker)] = fresh = _Worker(self._context, self._make, self._variables)
                if not started:  # the machine was short of something; the task is not to blame
                    failed += 1
                    if failed >= START_TRIES:
                        raise WorkersFail("they end before they have started")
                    fresh.give(task)
                    continue
            if isinstance(answer, Stop):
                raise ArchiveRunError(answer.message)
            return task, answer

    def close(self) -> None:
        for worker in self._workers:
            worker.end()


class _Worker:
    """A process, and what it is at."""

    def __init__(self, context: Any, make: Callable[[], Any], variables: dict[str, str]) -> None:
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, make), name="archive worker")
        before = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)  # a process takes over what it is started with
        try:
            self.process.start()
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        theirs.close()
        self.task: Task | None = None
        self.started = False

    def give(self, task: Task) -> None:
        self.task = task
        try:
            self.connection.send(task)
        except (OSError, ValueError):
            return  # it has ended; `answer` says so

    def answer(self) -> tuple[Task, Any]:
        task = self.task
        assert task is not None
        try:
            answer = self.connection.recv()
            if answer is None:
                self.started = True
                answer = self.connection.recv()
        except (EOFError, OSError):
            self.end()
            return task, Lost()
        self.task = None
        return task, answer

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


def _serve(connection: Connection, make: Callable[[], Any]) -> None:
    """Serve until the other side is gone, be it by a crash: nobody is left behind."""
    try:
        screener = make()
        connection.send(None)  # it has started
        while True:
            connection.send(work(screener, connection.recv()))
    except PulmoScanError as error:
        connection.send(Stop(str(error)))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return


def work(screener: Any, task: Task) -> Any:
    """What a worker makes of a task; the same in every pool."""
    entries: Sequence[Entry] = task.entries
    return screener.alone(entries[0], task.attempt) if task.alone else screener.unit(task.unit, entries)


def variables(threads: int) -> dict[str, str]:
    """Of a worker's environment: it computes on so many threads, and no library on more; by the same site profile."""
    named = {"PULMOSCAN_SITE": variable("SITE")} if variable("SITE") else {}
    return {
        "PULMOSCAN_THREADS": str(threads), "OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": "1", **named
    }  # fmt: skip


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def screener_of(asked: Asked, out: str) -> Any:
    """A worker's screener; a function that another process can import."""
    from pulmoscan.batch.archive.screening import Screener

    return Screener(asked, out)

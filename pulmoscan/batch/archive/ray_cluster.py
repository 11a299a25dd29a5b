"""Workers as Ray's actors, on this machine or on a cluster; the same `Screener`, and the same few methods of a pool.

Ray places and starts the workers, watches them and shows them on its dashboard. Whole units are handed to actors, and
not radiographs from stage to stage as Ray Data would: decoded pixels would go through the object store, and a file that
ends a worker could not be told from its neighbours.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

from pulmoscan.batch.archive.processes import Lost, Task, work
from pulmoscan.errors import ArchiveRunError, ClusterPackageMissing, PulmoScanError, WorkersFail

LOOPBACK = "127.0.0.1"
EVERYWHERE = {
    "RAY_USAGE_STATS_ENABLED": "0",  # else it reports to its makers
    "RAY_raylet_start_wait_time_s": "120",  # for its own parts, on a busy machine
}
ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}
"""Ray's way to say that no other machine takes part: all its servers then listen on loopback, on Linux too. A token,
which it keeps in the user's home, shuts out this machine's other users."""
START_TRIES = 3


def connect(address: str | None, cores: int) -> str:
    """Start Ray on this machine, for this machine alone, or join a cluster; the address of its dashboard.

    Args:
        address: of a cluster, such as `auto` or `10.0.0.1:6379`; None starts one here, bound to loopback.

    Raises:
        ClusterPackageMissing: Ray is not installed.
        WorkersFail: it cannot be started or joined.
    """
    for name, value in (EVERYWHERE | (ALONE if address is None else {})).items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise ClusterPackageMissing("ray[default]") from error
    here: dict[str, Any] = {} if address else {"num_cpus": cores, "include_dashboard": True, "dashboard_host": LOOPBACK}
    for last in (False, False, True):  # on a machine that is busy Ray gives its own parts too little time
        try:
            context = ray.init(address or "local", log_to_driver=False, logging_level=logging.ERROR, **here)
            return str(getattr(context, "dashboard_url", "") or "")
        except Exception as error:
            ray.shutdown()
            if last or address:
                raise WorkersFail(f"Ray cannot be started or joined ({type(error).__name__})") from error
    return ""


class RayPool:
    """A `Pool` of actors, one CPU each.

    Args:
        make: what an actor makes at its start.
        variables: of each worker's environment.
    """

    def __init__(self, make: Callable[[], Any], workers: int, variables: dict[str, str]) -> None:
        import ray

        self._ray, self._make = ray, make
        self._actor = ray.remote(num_cpus=1, max_restarts=0, runtime_env={"env_vars": variables})(_Actor)
        self._idle = [self._new() for _ in range(workers)]
        self._out: dict[Any, tuple[Any, Task]] = {}
        self._failed = 0

    def _new(self) -> Any:
        return self._actor.remote(self._make)

    @property
    def room(self) -> int:
        return len(self._idle)

    def submit(self, task: Task) -> None:
        actor = self._idle.pop()
        self._out[actor.work.remote(task)] = actor, task

    def next(self) -> tuple[Task, Any]:
        (ready, *_), _ = self._ray.wait(list(self._out), num_returns=1)
        actor, task = self._out.pop(ready)
        try:
            answer = self._ray.get(ready)
        except self._ray.exceptions.RayTaskError as error:
            raise ArchiveRunError(_words(error)) from error
        except self._ray.exceptions.RayActorError as error:
            if "creation task" in str(error):  # its start failed: no file is to blame
                self._failed += 1
                if self._failed >= START_TRIES:
                    raise WorkersFail(_words(error)) from error
                self._idle.append(self._new())
                self.submit(task)
                return self.next()
            self._idle.append(self._new())
            return task, Lost()
        self._idle.append(actor)
        return task, answer

    def close(self) -> None:
        for actor in (*self._idle, *(actor for actor, _ in self._out.values())):
            self._ray.kill(actor)
        self._ray.shutdown()


class _Actor:
    """An actor's inside."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._screener = make()

    def work(self, task: Task) -> Any:
        return work(self._screener, task)


def _words(error: Exception) -> str:
    """For a person; without what a library says, which may quote a path or a key."""
    cause = getattr(error, "cause", None)
    return str(cause) if isinstance(cause, PulmoScanError) else f"{type(cause or error).__name__} in a worker"

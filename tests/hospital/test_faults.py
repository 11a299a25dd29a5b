"""Nothing is lost and nothing is there twice, whatever dies: the node at any moment, the archive, the disk."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from pulmoscan.hospital.configuration import Configuration
from pulmoscan.hospital.node import QUEUE_FILE, Node
from pulmoscan.hospital.queue import Queue
from pulmoscan.hospital.receiver import OUT_OF_RESOURCES
from tests.batch.quick import end_of, quick
from tests.hospital.archive import TestArchive
from tests.hospital.conftest import configuration, free_port, send, study, until
from tests.hospital.faults import MOMENTS, start_quick

SENT_AGAIN = ("sent and not yet recorded",)
"""Moments at which nobody can know whether the archive has it: it gets the very same instance once more."""


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def archive(port: int) -> Iterator[TestArchive]:
    found = TestArchive(node_port=port)
    yield found
    found.stop()


def settings(folder: Path, archive: TestArchive, port: int, hours: float = 1.0, **node: Any) -> Configuration:
    found = configuration(folder, archive.destination(), port=port, **{"quiet_seconds": 0.1, "results": ["sr"], **node})
    rule = found.retention.model_copy(update={"delivered_hours": hours})
    return found.model_copy(update={"retention": rule})


def deliver(port: int, datasets: list[Dataset], process: int) -> list[Dataset]:
    """Send as a modality does, again and again until all is acknowledged; what is not when the node has died."""
    left = list(datasets)
    until(lambda: listens(port))
    while left:
        answers = send(port, *left)
        left = [d for d, status in zip(left, answers, strict=True) if status != 0] if answers else left
        if left and not alive(process):
            break
        time.sleep(0.02)
    return left


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def alive(process: int) -> bool:
    """Whether it has not ended; it can be asked for its end afterwards."""
    return os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def ended(process: int) -> None:
    os.kill(process, signal.SIGKILL)
    end_of(process)


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_every_stage(moment: str, archive: TestArchive, port: int, tmp_path: Path) -> None:
    datasets = study(2)
    hours = 0.0 if "let go" in moment else 1.0
    rules = settings(tmp_path / "node", archive, port, hours)
    first = start_quick(rules, die=moment, log=tmp_path / "log")
    left = deliver(port, datasets, first)
    assert end_of(first) == -signal.SIGKILL
    second = start_quick(rules, log=tmp_path / "log")
    try:
        assert not deliver(port, left, second)
        queue = Queue(tmp_path / "node" / QUEUE_FILE)
        until(lambda: queue.counts().get("archive", {}).get("committed") == 2)
        assert queue.counts()["instances"] == {"received": 0, "screened": 2, "refused": 0, "failed": 0}
        assert len(archive.came) == 2, "nothing lost, and nothing twice"
        assert max(archive.came.values()) <= (2 if moment in SENT_AGAIN else 1)
        assert (tmp_path / "log").read_text().count("Traceback") == 0
        if hours == 0.0:
            folders = [tmp_path / "node" / name for name in ("received", "results", "partial")]
            until(lambda: not any(any(folder.iterdir()) for folder in folders))
    finally:
        ended(second)


@pytest.fixture
def node(tmp_path: Path, archive: TestArchive, port: int) -> Iterator[Callable[..., Queue]]:
    """Starts a node with made-up readings in this process; its queue."""
    started: list[Node] = []
    with quick() as patch:
        patch.setattr("pulmoscan.hospital.node.load_model", sys.modules["pulmoscan.screening"].load_model)
        patch.setattr("pulmoscan.hospital.node.TROUBLE_SECONDS", 0.1)

        def make(**more: Any) -> Queue:
            started.append(Node(settings(tmp_path / "node", archive, port, **more)))
            started[-1].start()
            return started[-1].queue

        yield make
        for one in started:
            one.stop()


def all_are(queue: Queue, state: str, count: int) -> bool:
    return queue.counts().get("archive", {}).get(state) == count


def test_sent_twice_and_from_two_sides_at_once(node: Callable[..., Queue], archive: TestArchive, port: int) -> None:
    queue = node(quiet_seconds=5)  # on a busy machine two senders take their time, and it is one study all the same
    datasets = study(3)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: send(port, *datasets), range(2)))
    assert answers == [[0, 0, 0]] * 2
    until(lambda: all_are(queue, "committed", 3))
    assert send(port, *datasets) == [0, 0, 0], "once more, when all is done"
    time.sleep(0.5)
    assert all_are(queue, "committed", 3)
    assert sorted(archive.came.values()) == [1, 1, 1]
    assert len(archive.associations) == 1, "one a study"


def test_what_comes_late_is_screened_and_sent_too(node: Callable[..., Queue], archive: TestArchive, port: int) -> None:
    queue = node()
    first, second = study(2)
    assert send(port, first) == [0]
    until(lambda: all_are(queue, "committed", 1))
    assert send(port, second) == [0]
    until(lambda: all_are(queue, "committed", 2))
    assert sorted(archive.came.values()) == [1, 1]


def test_a_dead_archive_gets_all_when_it_lives_again(tmp_path: Path, port: int) -> None:
    dead = TestArchive()
    dead.stop()
    rules = settings(tmp_path / "node", dead, port)
    process = start_quick(rules)
    try:
        datasets = [*study(2), *study(1)]
        assert not deliver(port, datasets, process)
        queue = Queue(tmp_path / "node" / QUEUE_FILE)
        until(
            lambda: any("cannot be reached" in (row["error"] or "") for row in queue.rows("SELECT error FROM sending"))
        )
        alive_again = TestArchive(dead.port)
        try:
            until(lambda: all_are(queue, "sent", 3))
            assert sorted(alive_again.came.values()) == [1, 1, 1]
        finally:
            alive_again.stop()
    finally:
        ended(process)


def test_an_archive_that_dies_in_the_middle_and_one_that_is_full(
    node: Callable[..., Queue], archive: TestArchive, port: int
) -> None:
    queue = node()
    answers = iter([0, 0xA700, 0xA700, 0, 0, 0])
    archive.status = lambda _: next(answers)
    assert send(port, *study(3)) == [0, 0, 0]
    until(lambda: all_are(queue, "committed", 3))
    assert sorted(archive.came.values()) == [1, 1, 1]


def test_what_an_archive_never_takes_is_told_and_stops_nothing(
    node: Callable[..., Queue], archive: TestArchive, port: int
) -> None:
    queue = node()
    refused = iter([0xA900, 0])
    archive.status = lambda _: next(refused)
    assert send(port, *study(2)) == [0, 0]
    until(lambda: all_are(queue, "failed", 1) and all_are(queue, "committed", 1))
    (row,) = queue.rows("SELECT error FROM sending WHERE state = 'failed'")
    assert "A900" in row["error"]
    archive.status = lambda _: 0
    assert queue.retry() == 1
    until(lambda: all_are(queue, "committed", 2))


def test_what_an_archive_has_lost_is_sent_again(node: Callable[..., Queue], archive: TestArchive, port: int) -> None:
    queue = node()
    forgetful = iter([False])
    archive.knows = lambda _: next(forgetful, True)
    assert send(port, *study(2)) == [0, 0]
    until(lambda: all_are(queue, "committed", 2))
    assert sorted(archive.came.values()) == [1, 2]


def test_out_of_resources_is_answered_as_such(node: Callable[..., Queue], port: int, tmp_path: Path) -> None:
    queue = node(least_free_mb=1e9)
    assert send(port, *study()) == [OUT_OF_RESOURCES]
    assert queue.waiting() == 0
    assert not any((tmp_path / "node" / "received").iterdir())
    until(lambda: not any((tmp_path / "node" / "partial").iterdir()))


def test_too_much_waiting_is_out_of_resources(node: Callable[..., Queue], port: int) -> None:
    node(most_waiting=2, quiet_seconds=60)
    assert send(port, *study(3)) == [0, 0, OUT_OF_RESOURCES]


def test_a_full_disk_loses_nothing(archive: TestArchive, port: int, tmp_path: Path) -> None:
    folder = tmp_path / "node"
    folder.mkdir()
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=900k", "none", str(folder)], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a small file system cannot be mounted here")
    try:
        datasets = study(8)  # of 122 kB each
        process = start_quick(settings(folder, archive, port), log=tmp_path / "log")
        try:
            until(lambda: listens(port))
            answers = send(port, *datasets)
            taken = answers.count(0)
            assert 0 < taken < len(datasets)
            assert set(answers) <= {0, OUT_OF_RESOURCES, -1}
            subprocess.run(["mount", "-o", "remount,size=20m", str(folder)], check=True)
            assert not deliver(port, datasets, process)
            queue = Queue(folder / QUEUE_FILE)
            until(lambda: all_are(queue, "committed", 8))
            assert sorted(archive.came.values()) == [1] * 8
            assert alive(process)
        finally:
            ended(process)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)

"""Exactly once, whatever is killed and when; and what ends a worker costs itself alone."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from pulmoscan.batch.archive import manifest as m
from pulmoscan.batch.archive import run as archive
from pulmoscan.batch.archive.manifest import Asked, Manifest
from pulmoscan.batch.archive.processes import Lost, Processes, Task, work
from pulmoscan.batch.archive.schema import VERSION, arrow
from pulmoscan.batch.archive.store import Store
from pulmoscan.errors import ArchiveRunError, NotARun, OtherRun, WorkersFail
from pulmoscan.reading.records import from_json, to_json
from tests.batch.archive.stub import Stub, fails

UNIT = 8


def asked(source: Path) -> Asked:
    return Asked(
        source=str(source), weights={"stub": "0" * 64}, lung_weights="1" * 64, population="auto", unit=UNIT,
        version="0", schema_version=VERSION,
    )  # fmt: skip


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3 * UNIT + 2):
        (folder / f"{number:03d}.png").touch()
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "out"))


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    (tmp_path / "notes").mkdir()
    return tmp_path / "notes"


class Here:
    """A pool of one worker in this process; the tasks of `lost`, by their number, end it."""

    def __init__(self, screener: Any, lost: tuple[int, ...] = (), stop_after: int = 10**9) -> None:
        self.screener, self.lost, self.stop_after = screener, lost, stop_after
        self.waiting: list[Task] = []
        self.done = 0

    @property
    def room(self) -> int:
        return 2 - len(self.waiting)

    def submit(self, task: Task) -> None:
        self.waiting.append(task)

    def next(self) -> tuple[Task, Any]:
        if self.done == self.stop_after:
            raise KeyboardInterrupt
        task = self.waiting.pop(0)
        self.done += 1
        return task, Lost() if self.done in self.lost else work(self.screener, task)

    def close(self) -> None:
        self.waiting.clear()


def rows(store: Store) -> list[dict[str, Any]]:
    found = [arrow().parquet.read_table(Path(store.where) / name).to_pylist() for name in store.names(m.RESULTS)]
    return [row for part in found for row in part]


def is_whole(manifest: Manifest, store: Store, source: Path) -> None:
    found = rows(store)
    assert Counter(row["file"] for row in found) == Counter(map(str, sorted(source.iterdir())))
    assert sorted(row["ordinal"] for row in found) == list(range(manifest.files))
    assert manifest.adds_up
    assert manifest.left == 0
    assert json.loads(store.read(m.MANIFEST)) == json.loads(to_json(manifest))


def test_goes_on_where_it_stopped_and_reads_nothing_twice(source: Path, store: Store, notes: Path) -> None:
    whole = archive.begin(asked(source), store)
    stub = Stub(store.where, str(notes))
    with pytest.raises(KeyboardInterrupt):
        archive.run(whole, store, Here(stub, stop_after=2))
    between = from_json(store.read(m.MANIFEST), Manifest)
    assert between.adds_up
    assert (between.done, between.left) == (2 * UNIT, UNIT + 2)
    (source / "later.png").touch()  # the list is that of the beginning
    for note in notes.iterdir():
        note.unlink()
    told: list[int] = []
    manifest = archive.run(archive.begin(asked(source), store), store, Here(stub), told.append)
    (source / "later.png").unlink()
    is_whole(manifest, store, source)
    assert told == [2 * UNIT, UNIT, 2]
    assert len(list(notes.iterdir())) == UNIT + 2


def test_nothing_is_left_to_do(source: Path, store: Store, notes: Path) -> None:
    whole = archive.begin(asked(source), store)
    stub = Stub(store.where, str(notes))
    first = archive.run(whole, store, Here(stub))
    assert archive.run(whole, store, Here(stub, stop_after=0)) == first


def test_a_file_of_results_that_lost_its_end_is_done_again(source: Path, store: Store, notes: Path) -> None:
    whole = archive.begin(asked(source), store)
    stub = Stub(store.where, str(notes))
    archive.run(whole, store, Here(stub))
    damaged = Path(store.where) / m.result_name(1)
    damaged.write_bytes(damaged.read_bytes()[:100])
    is_whole(archive.run(whole, store, Here(stub)), store, source)


def test_killed_while_it_listed(source: Path, store: Store) -> None:
    archive.begin(asked(source), store)
    (Path(store.where) / m.ASKED).unlink()
    assert archive.begin(asked(source), store).files == 3 * UNIT + 2


def test_a_lost_unit_is_tried_file_by_file(source: Path, store: Store, notes: Path) -> None:
    whole = archive.begin(asked(source), store)
    # The first two tasks are units; of the files alone that follow, the third ends its worker twice more.
    manifest = archive.run(whole, store, Here(Stub(store.where, str(notes)), lost=(1, 5, 11)))
    is_whole(manifest, store, source)
    assert manifest.retried == UNIT
    assert manifest.poisoned == [row["file"] for row in rows(store) if row["poisoned"]]
    assert manifest.poisoned_files == 1
    assert manifest.counts == {"stub": {"ok": 3 * UNIT + 1, "refused": 0, "error": 1, "passed over": 0}}


def test_another_run_is_not_mixed_in(source: Path, store: Store) -> None:
    archive.begin(asked(source), store)
    with pytest.raises(OtherRun, match="its weights was"):
        archive.begin(structs.replace(asked(source), weights={"stub": "2" * 64}), store)
    store.write(m.ASKED, b"{}")
    with pytest.raises(NotARun, match="damaged"):
        archive.begin(asked(source), store)


class TestProcesses:
    """Real processes, killed for real."""

    def test_crashes_cost_themselves_alone(self, source: Path, store: Store, notes: Path) -> None:
        (source / "crash-once.png").touch()
        (source / "crash.png").touch()
        whole = archive.begin(asked(source), store)
        pool = Processes(partial(Stub, store.where, str(notes)), 2, {"TEST_OF_WORKERS": "1"})
        try:
            manifest = archive.run(whole, store, pool)
        finally:
            pool.close()
        is_whole(manifest, store, source)
        assert [Path(file).stem for file in manifest.poisoned] == ["crash"]
        tries = Counter(note.name.split(".")[0] for note in notes.iterdir())
        assert tries["crash"] in (2, 3)  # crash-once may have ended the unit before it
        assert (tries["crash-once"], tries["000"]) == (2, 1)
        # No worker is left behind.
        assert all(not Path(f"/proc/{pid}").exists() for pid in pool.pids)

    def test_nobody_goes_on_where_nothing_can_be_written(self, source: Path, store: Store, notes: Path) -> None:
        (source / "000-stop.png").touch()
        (source / "stop.png").touch()
        whole = archive.begin(asked(source), store)
        pool = Processes(partial(Stub, store.where, str(notes)), 1, {})
        try:
            with pytest.raises(ArchiveRunError, match="no space left"):
                archive.run(whole, store, pool)
        finally:
            pool.close()

    def test_workers_that_cannot_start(self, source: Path, store: Store) -> None:
        pool = Processes(fails, 1, {})
        try:
            with pytest.raises(WorkersFail, match="before they have started"):
                archive.run(archive.begin(asked(source), store), store, pool)
        finally:
            pool.close()

    def test_workers_end_when_their_driver_does(self, store: Store, notes: Path) -> None:
        pool = Processes(partial(Stub, store.where, str(notes)), 1, {})
        (worker,) = pool._workers
        worker.connection.close()  # as when the driver is killed
        worker.process.join(60)
        assert worker.process.exitcode == 0

"""Which studies are screened in one go, and which alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pulmoscan.batch.outcomes import Outcome
from pulmoscan.hospital import screener
from pulmoscan.hospital.configuration import Configuration
from pulmoscan.hospital.queue import Arrival, Queue
from pulmoscan.hospital.screener import MOST_ATTEMPTS, MOST_STUDIES, Screener
from pulmoscan.hospital.spool import Spool
from pulmoscan.reading.intake import Item


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    return Queue(tmp_path / "queue.sqlite")


@pytest.fixture
def screened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The instances that were screened; each is refused."""
    done: list[str] = []

    def screen_items(items: Iterable[Item], *_: Any) -> Iterator[Outcome]:
        for item in items:
            done.append(item.name)
            yield Outcome(item.name, "refused", "stub", reason="A stub refuses all.")

    monkeypatch.setattr(screener, "screen_items", screen_items)
    return done


@pytest.fixture
def subject(queue: Queue, tmp_path: Path) -> Screener:
    settings = Configuration.model_validate(
        {"node": {"folder": tmp_path, "quiet_seconds": 1e-6}, "peers": [{"ae_title": "BENCH"}]}
    )
    return Screener(settings, queue, Spool(tmp_path), None, lambda *_, **__: None)  # type: ignore[arg-type]


def receive(queue: Queue, study: str, *instances: str) -> None:
    for instance in instances:
        queue.receive(Arrival(instance, study, "1.2", "BENCH", 1))


def states(queue: Queue) -> dict[str, str]:
    return {row["sop_uid"]: row["state"] for row in queue.rows("SELECT sop_uid, state FROM instance")}


def test_complete_studies_go_together(queue: Queue, subject: Screener, screened: list[str]) -> None:
    receive(queue, "1", "1.1", "1.2")
    receive(queue, "2", "2.1")
    assert subject.run_once()
    assert screened == ["1.1", "1.2", "2.1"]
    assert set(states(queue).values()) == {"refused"}
    assert not subject.run_once()


def test_only_so_many_before_the_node_can_stop(queue: Queue, subject: Screener, screened: list[str]) -> None:
    for study in range(MOST_STUDIES + 1):
        receive(queue, str(study), f"{study}.1")
    subject.run_once()
    assert len(screened) == MOST_STUDIES


def test_one_that_has_ended_the_program_goes_alone(queue: Queue, subject: Screener, screened: list[str]) -> None:
    """Else the study that is read ahead of it would count as having ended it as often."""
    for study in ("1", "2", "3"):
        receive(queue, study, f"{study}.1")
    queue.begin("1")
    subject.run_once()
    assert screened == ["1.1"]
    subject.run_once()
    assert screened == ["1.1", "2.1", "3.1"]


def test_one_that_always_ends_the_program_is_given_up_and_no_other(
    queue: Queue, subject: Screener, screened: list[str]
) -> None:
    receive(queue, "1", "1.1")
    receive(queue, "2", "2.1")
    for _ in range(MOST_ATTEMPTS):
        queue.begin("1")
    queue.begin("2")  # once, with the first of these
    while subject.run_once():
        pass
    assert screened == ["2.1"]
    assert states(queue) == {"1.1": "failed", "2.1": "refused"}


def test_a_full_disk_is_no_attempt(
    queue: Queue, subject: Screener, screened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    receive(queue, "1", "1.1")
    receive(queue, "2", "2.1")
    with monkeypatch.context() as patch:
        patch.setattr(subject, "_settle", lambda *_: (_ for _ in ()).throw(OSError("full")))
        for _ in range(2 * MOST_ATTEMPTS):
            with pytest.raises(OSError, match="full"):
                subject.run_once()
    while subject.run_once():
        pass
    assert states(queue) == {"1.1": "refused", "2.1": "refused"}
    assert set(screened) == {"1.1", "2.1"}

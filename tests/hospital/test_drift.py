"""A site's weeks, out of the queue's own record."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pulmoscan.hospital.drift import weeks
from pulmoscan.hospital.queue import Arrival, Queue

WEEK = 7 * 86400.0
START = 1_767_571_200.0  # Monday, 5 January 2026


def fill(queue: Queue, monkeypatch: pytest.MonkeyPatch, week: int, shift: float, maker: str, refused: int = 0) -> None:
    """A week's 60 radiographs."""
    rng = np.random.default_rng(week)
    for number in range(60 + refused):
        monkeypatch.setattr("pulmoscan.hospital.queue.time.time", lambda n=number: START + week * WEEK + n)
        uid = f"1.2.{week}.{number}"
        queue.receive(Arrival(uid, f"{uid}.1", "", "CT", 1))
        if number >= 60:
            queue.finish(uid, "refused", "no chest")
            continue
        score = 1 / (1 + np.exp(-rng.normal(-2 + shift, 2)))
        traits = {"manufacturer": maker}
        queue.finish(uid, "screened", found={"probability": float(score), "traits": traits})


def test_a_new_machine_and_refusals_raise_an_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = Queue(tmp_path / "queue.sqlite")
    for week in range(8):
        late = week >= 6
        fill(queue, monkeypatch, week, 0.0, "New" if late else "Old", refused=40 if late else 2)
    monkeypatch.undo()
    found = list(weeks(queue, now=START + 8 * WEEK, baseline=180))
    assert [week.screened for week in found] == [60] * 5
    alarmed = {week.name: [change.measure for change in week.changes if change.alarm] for week in found}
    assert list(alarmed.values()) == [[], [], [], ["gate", "manufacturer"], ["gate", "manufacturer"]]
    assert "“manufacturer” has drifted" in " ".join(found[-1].alarms)
    assert len(list(weeks(queue, now=START + 7.5 * WEEK, baseline=180))) == 4, "the week that is going on tells nothing"

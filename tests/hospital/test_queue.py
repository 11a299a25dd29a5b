"""The queue's file: one of an earlier version goes on, one of a later version is left alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pulmoscan.hospital.queue import SCHEMA_VERSION, Arrival, Queue


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of a queue that holds one screened instance."""
    path = tmp_path / "queue.sqlite"
    queue = Queue(path)
    queue.receive(Arrival("1.1", "1.0", "", "CT", 1))
    queue.finish("1.1", "screened", found={"probability": 0.8, "threshold": 0.4, "label": "pneumonia"})
    return path


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


def test_a_queue_of_before_site_profiles_were_kept_goes_on(path: Path) -> None:
    change(path, "ALTER TABLE instance DROP COLUMN site_profile", "PRAGMA user_version = 1")
    queue = Queue(path)
    queue.receive(Arrival("2.1", "2.0", "", "CT", 1))
    queue.finish("2.1", "screened", found={"probability": 0.1, "label": "normal", "site_profile": "A 1234"})
    rows = queue.rows("SELECT probability, site_profile FROM instance ORDER BY sop_uid", ())
    assert [tuple(row) for row in rows] == [(0.8, None), (0.1, "A 1234")]
    assert Queue(path).knows("1.1")


def test_a_queue_of_a_later_version_is_refused(path: Path) -> None:
    change(path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(sqlite3.DatabaseError, match="newer version"):
        Queue(path)

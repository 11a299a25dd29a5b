"""The durable queue: what was received, what became of it, and to whom which result has gone (SQLite, WAL).

Each change is one transaction that is on disk before it counts. An instance goes from `received` to `screened`,
`refused` or `failed`; each result of it to each destination from `waiting` to `sent`, `committed` or `failed`. No
patient's name or number is in it; UIDs are.
"""

from __future__ import annotations

import json
import math
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA_VERSION = 2
SCHEMA = """
CREATE TABLE IF NOT EXISTS instance (
    sop_uid TEXT PRIMARY KEY, study_uid TEXT NOT NULL, sop_class TEXT NOT NULL, sender TEXT NOT NULL,
    bytes INTEGER NOT NULL, received REAL NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('received', 'screened', 'refused', 'failed')),
    attempts INTEGER NOT NULL DEFAULT 0, done REAL, reason TEXT,
    model TEXT, weights TEXT, probability REAL, threshold REAL, label TEXT, population TEXT, traits TEXT, removed REAL,
    site_profile TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS instance_state ON instance (state, study_uid, received);
CREATE INDEX IF NOT EXISTS instance_study ON instance (study_uid);
CREATE TABLE IF NOT EXISTS result (
    uid TEXT PRIMARY KEY, source_uid TEXT NOT NULL, study_uid TEXT NOT NULL, kind TEXT NOT NULL,
    sop_class TEXT NOT NULL, made REAL NOT NULL, removed REAL
) STRICT;
CREATE INDEX IF NOT EXISTS result_source ON result (source_uid);
CREATE TABLE IF NOT EXISTS sending (
    result_uid TEXT NOT NULL, study_uid TEXT NOT NULL, destination TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'committed', 'failed')),
    attempts INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL, since REAL NOT NULL, changed REAL NOT NULL,
    error TEXT, asked TEXT, PRIMARY KEY (result_uid, destination)
) STRICT;
CREATE INDEX IF NOT EXISTS sending_state ON sending (destination, state, due);
CREATE INDEX IF NOT EXISTS sending_study ON sending (study_uid);
CREATE TABLE IF NOT EXISTS mark (study_uid TEXT PRIMARY KEY, reader TEXT NOT NULL, mark TEXT NOT NULL, at REAL NOT NULL)
    STRICT;
"""
STATES = ("received", "screened", "refused", "failed")
SENDING_STATES = ("waiting", "sent", "committed", "failed")


@dataclass(frozen=True)
class Arrival:
    """An instance as it came in."""

    sop_uid: str
    study_uid: str
    sop_class: str
    sender: str
    bytes: int


@dataclass(frozen=True)
class Result:
    """An instance that we made.

    Attributes:
        kind: as in the configuration: sr, seg, sc or gsps.
    """

    uid: str
    kind: str
    sop_class: str


@dataclass(frozen=True)
class Shipment:
    """The results of one study that are due at one destination, and how often that was tried."""

    study_uid: str
    results: tuple[Result, ...]
    attempts: int
    since: float


class Queue:
    """The queue in a file; safe to use from many threads and processes. Times are seconds since the epoch.

    Raises (all methods):
        sqlite3.Error: the disk is full or broken; the change did not happen.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        with self._change() as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise sqlite3.DatabaseError("the queue was written by a newer version of PulmoScan")
            if version == 1:  # of before a screening's site profile was kept
                db.execute("ALTER TABLE instance ADD COLUMN site_profile TEXT")
                db.execute("PRAGMA user_version = 2")
        self._db.executescript(f"{SCHEMA} PRAGMA user_version = {SCHEMA_VERSION};")

    @property
    def _db(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "db", None)
        if found is None:
            found = sqlite3.connect(self.path, timeout=60, isolation_level=None)
            found.row_factory = sqlite3.Row
            found.execute("PRAGMA journal_mode = WAL")
            found.execute("PRAGMA synchronous = FULL")
            self._local.db = found
        return found

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it or nothing."""
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")

    # What comes in

    def knows(self, sop_uid: str) -> bool:
        """Whether an instance was received, whatever became of it."""
        return self._db.execute("SELECT 1 FROM instance WHERE sop_uid = ?", (sop_uid,)).fetchone() is not None

    def receive(self, arrival: Arrival) -> bool:
        """Put an instance into the queue; False where it is there already."""
        with self._change() as db:
            done = db.execute(
                "INSERT OR IGNORE INTO instance (sop_uid, study_uid, sop_class, sender, bytes, received, state) "
                "VALUES (?, ?, ?, ?, ?, ?, 'received')",
                (arrival.sop_uid, arrival.study_uid, arrival.sop_class, arrival.sender, arrival.bytes, time.time()),
            )
        return done.rowcount == 1

    def waiting(self) -> int:
        """Instances that wait to be screened."""
        return int(self._db.execute("SELECT count(*) FROM instance WHERE state = 'received'").fetchone()[0])

    def ripe(self, quiet: float, longest: float, never_begun: bool = False) -> str | None:
        """The study to be screened next: complete, since nothing came for so long, and first in the queue."""
        now = time.time()
        row = self._db.execute(
            "SELECT study_uid FROM instance WHERE state = 'received' GROUP BY study_uid "
            "HAVING (max(received) <= ? OR min(received) <= ?) AND max(attempts) <= ? ORDER BY min(received) LIMIT 1",
            (now - quiet, now - longest, 0 if never_begun else math.inf),
        ).fetchone()
        return str(row[0]) if row else None

    def begin(self, study_uid: str) -> list[tuple[str, int]]:
        """The study's instances that are to be screened, and how often each was begun before, this time not counted."""
        with self._change() as db:
            rows = db.execute(
                "SELECT sop_uid, attempts FROM instance WHERE study_uid = ? AND state = 'received' ORDER BY received",
                (study_uid,),
            ).fetchall()
            db.execute(
                "UPDATE instance SET attempts = attempts + 1 WHERE study_uid = ? AND state = 'received'", (study_uid,)
            )
        return [(row["sop_uid"], row["attempts"]) for row in rows]

    # What becomes of it

    def finish(
        self,
        sop_uid: str,
        state: str,
        reason: str = "",
        found: Mapping[str, Any] | None = None,
        results: Sequence[Result] = (),
        destinations: Iterable[str] = (),
    ) -> None:
        """An instance is screened, refused or failed; its results are due at once at each destination.

        Args:
            found: model, weights, probability, threshold, label, population, site_profile (None where the published
                operating points apply) and traits of a screening.
        """
        now = time.time()
        values: dict[str, Any] = {"model": None, "weights": None, "probability": None, "threshold": None, "label": None}
        values |= {"population": None, "site_profile": None, **(found or {})}
        values["traits"] = json.dumps(values.get("traits") or {})
        places = tuple(destinations)
        with self._change() as db:
            study = db.execute("SELECT study_uid FROM instance WHERE sop_uid = ?", (sop_uid,)).fetchone()["study_uid"]
            db.execute(
                "UPDATE instance SET state = :state, reason = :reason, done = :now, model = :model, "
                "weights = :weights, probability = :probability, threshold = :threshold, label = :label, "
                "population = :population, site_profile = :site_profile, traits = :traits WHERE sop_uid = :sop_uid",
                {**values, "state": state, "reason": reason, "now": now, "sop_uid": sop_uid},
            )
            for result in results:
                db.execute(
                    "INSERT OR IGNORE INTO result (uid, source_uid, study_uid, kind, sop_class, made) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    (result.uid, sop_uid, study, result.kind, result.sop_class, now),
                )
                db.executemany(
                    "INSERT OR IGNORE INTO sending (result_uid, study_uid, destination, state, due, since, changed) "
                    "VALUES (?, ?, ?, 'waiting', ?, ?, ?)",
                    [(result.uid, study, place, now, now, now) for place in places],
                )

    # What goes out

    def due(self, destination: str) -> Shipment | None:
        """The results that are to go to a destination next: of the study that has waited longest, as a whole.

        A study of which something is still to be screened waits for that, so that it takes one association.
        """
        row = self._db.execute(
            "SELECT study_uid, max(attempts) AS attempts, min(since) AS since FROM sending AS s "
            "WHERE destination = ? AND state = 'waiting' AND due <= ? AND NOT EXISTS "
            "(SELECT 1 FROM instance AS i WHERE i.study_uid = s.study_uid AND i.state = 'received') "
            "GROUP BY study_uid ORDER BY min(since) LIMIT 1",
            (destination, time.time()),
        ).fetchone()
        if row is None:
            return None
        rows = self._db.execute(
            "SELECT r.uid, r.kind, r.sop_class FROM sending AS s JOIN result AS r ON r.uid = s.result_uid "
            "WHERE s.destination = ? AND s.state = 'waiting' AND s.study_uid = ? ORDER BY r.made, r.kind",
            (destination, row["study_uid"]),
        ).fetchall()
        results = tuple(Result(r["uid"], r["kind"], r["sop_class"]) for r in rows)
        return Shipment(row["study_uid"], results, row["attempts"], row["since"])

    def sent(self, destination: str, uids: Iterable[str], transaction: str | None = None) -> None:
        """The destination has taken these; under that transaction it will be asked to commit itself to keep them."""
        change = "state = 'sent', error = NULL, asked = :asked, changed = :now"
        self._set(destination, uids, change, "state = 'waiting'", asked=transaction)

    def put_off(self, destination: str, uids: Iterable[str], error: str, due: float) -> None:
        """It has not, and will be asked again at that time."""
        change = "attempts = attempts + 1, error = :error, due = :due, changed = :now"
        self._set(destination, uids, change, "state = 'waiting'", error=error, due=due)

    def give_up(self, destination: str, uids: Iterable[str], error: str) -> None:
        """It will not take them, and somebody must look at it."""
        change = "state = 'failed', attempts = attempts + 1, error = :error, changed = :now"
        self._set(destination, uids, change, "state = 'waiting'", error=error)

    def ask_again(self, destination: str, uids: Iterable[str], transaction: str | None) -> None:
        """It will be asked under another transaction, or no more."""
        self._set(destination, uids, "asked = :asked, changed = :now", "state = 'sent'", asked=transaction)

    def committed(self, transaction: str, kept: Iterable[str], lost: Iterable[str]) -> int:
        """Its answer: what it keeps is done, what it does not have is sent again. How many it was asked of."""
        now, count = time.time(), 0
        with self._change() as db:
            for uids, change in (
                (kept, "state = 'committed', asked = NULL, changed = :now"),
                (lost, "state = 'waiting', asked = NULL, due = :now, attempts = attempts + 1, changed = :now"),
            ):
                for uid in uids:
                    count += db.execute(
                        f"UPDATE sending SET {change} WHERE asked = :transaction AND result_uid = :uid",
                        {"now": now, "transaction": transaction, "uid": uid},
                    ).rowcount
        return count

    def unanswered(self, destination: str, seconds: float) -> list[tuple[Result, float]]:
        """What it was asked to keep and did not answer within so many seconds, and since when that is to be sent."""
        rows = self._db.execute(
            "SELECT r.uid, r.kind, r.sop_class, s.since FROM sending AS s JOIN result AS r ON r.uid = s.result_uid "
            "WHERE s.destination = ? AND s.state = 'sent' AND s.asked IS NOT NULL AND s.changed <= ? LIMIT 100",
            (destination, time.time() - seconds),
        ).fetchall()
        return [(Result(r["uid"], r["kind"], r["sop_class"]), r["since"]) for r in rows]

    def _set(self, destination: str, uids: Iterable[str], change: str, only: str, **values: object) -> None:
        with self._change() as db:
            for uid in uids:
                db.execute(
                    f"UPDATE sending SET {change} WHERE destination = :destination AND result_uid = :uid AND {only}",
                    {"destination": destination, "uid": uid, "now": time.time(), **values},
                )

    def retry(self) -> int:
        """Try once more all that failed, as after a mended archive or configuration; how much that is."""
        now = time.time()
        with self._change() as db:
            instances = db.execute(
                "UPDATE instance SET state = 'received', attempts = 0 WHERE state = 'failed' AND removed IS NULL"
            ).rowcount
            sendings = db.execute(
                "UPDATE sending SET state = 'waiting', due = ?, since = ? WHERE state = 'failed'", (now, now)
            ).rowcount
        return int(instances + sendings)

    # What may go

    def delivered(self, before: float) -> tuple[list[str], list[str]]:
        """UIDs of received instances and of results whose files may go.

        Those of studies that were done by then: nothing of them is to be screened, has failed, is to be sent, or waits
        for an archive's commitment.
        """
        done = (
            "SELECT study_uid FROM instance GROUP BY study_uid HAVING max(received) <= :t AND max(done) <= :t "
            "AND sum(state IN ('received', 'failed')) = 0 EXCEPT SELECT study_uid FROM sending "
            "WHERE state IN ('waiting', 'failed') OR (state = 'sent' AND asked IS NOT NULL) OR changed > :t"
        )
        lists = (
            self._db.execute(
                f"SELECT {uid} FROM {table} WHERE removed IS NULL AND study_uid IN ({done})", {"t": before}
            )
            for uid, table in (("sop_uid", "instance"), ("uid", "result"))
        )
        received, results = ([str(row[0]) for row in rows] for rows in lists)
        return received, results

    def removed(self, received: Iterable[str], results: Iterable[str]) -> None:
        """Their files are to go."""
        now = time.time()
        with self._change() as db:
            db.executemany("UPDATE instance SET removed = ? WHERE sop_uid = ?", [(now, uid) for uid in received])
            db.executemany("UPDATE result SET removed = ? WHERE uid = ?", [(now, uid) for uid in results])

    def forget(self, before: float) -> None:
        """Drop the record of what was removed before then."""
        with self._change() as db:
            old = "(SELECT uid FROM result WHERE removed <= ?)"
            db.execute(f"DELETE FROM sending WHERE result_uid IN {old}", (before,))
            db.execute("DELETE FROM result WHERE removed <= ?", (before,))
            db.execute("DELETE FROM instance WHERE removed <= ?", (before,))
            db.execute("DELETE FROM mark WHERE study_uid NOT IN (SELECT study_uid FROM instance)")

    def on_disk(self) -> tuple[list[str], list[str]]:
        """UIDs of received instances and of results that have a file."""
        instances = self._db.execute("SELECT sop_uid FROM instance WHERE removed IS NULL").fetchall()
        results = self._db.execute("SELECT uid FROM result WHERE removed IS NULL").fetchall()
        return [str(row[0]) for row in instances], [str(row[0]) for row in results]

    # What is seen of it

    def counts(self) -> dict[str, dict[str, int]]:
        """Instances by state, and sendings by destination and state: `{"instances": {...}, "pacs": {...}}`."""
        found: dict[str, dict[str, int]] = {"instances": dict.fromkeys(STATES, 0)}
        for state, count in self._db.execute("SELECT state, count(*) FROM instance GROUP BY state"):
            found["instances"][state] = count
        for name, state, count in self._db.execute("SELECT destination, state, count(*) FROM sending GROUP BY 1, 2"):
            found.setdefault(name, dict.fromkeys(SENDING_STATES, 0))[state] = count
        return found

    def rows(self, question: str, values: Sequence[object] = ()) -> list[sqlite3.Row]:
        """The answer to a question in SQL, for those who only look (worklist, drift)."""
        return self._db.execute(question, values).fetchall()

    def mark(self, study_uid: str, reader: str, mark: str) -> None:
        """What a reader says of a study; the last word counts."""
        with self._change() as db:
            db.execute(
                "INSERT INTO mark VALUES (?, ?, ?, ?) ON CONFLICT (study_uid) DO UPDATE SET reader = excluded.reader, "
                "mark = excluded.mark, at = excluded.at",
                (study_uid, reader, mark, time.time()),
            )

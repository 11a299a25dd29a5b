"""The audit log: who asked what, by which weights, with which outcome; append-only JSON lines, chained by keyed hashes.

Each line bears a keyed hash (HMAC-SHA256) of itself and of the line before: without the key nobody can change, drop or
insert one unseen. Beside the log lies its head, number and hash of the last line, sealed too, so that lines missing at
the end are seen; whoever puts back both an older log and its head is not. UIDs and names of persons go in as keyed
hashes of their own: the same throughout the log, and not to be traced back without the key. Clinical content stays out.
"""

from __future__ import annotations

import hmac
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pulmoscan.errors import AuditKeyMissing
from pulmoscan.export.files import write_new

KEY_BYTES = 32
PSEUDONYM = 16
"""Hexadecimal digits."""
NAMED = ("instance", "study", "user", "address")
"""Particulars that go in as keyed hashes."""
START = "0" * 64


class AuditLog:
    """Appends to a log, one process at a time; each line is on disk when `append` returns.

    A line that a crash has cut short was of an event that nobody was told had happened: it is removed.

    Args:
        key: see `read_key`.

    Raises:
        OSError: the log cannot be read or written.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self._path, self._key = path, key
        self._lock = threading.Lock()
        self._drop_cut_line()
        self._number, self._last = 0, START
        for line in _lines(path):
            self._number, self._last = line["n"], line["hash"]

    def append(self, event: str, **particulars: object) -> None:
        """Add an event.

        Raises:
            OSError: it cannot be written.
        """
        named = {k: pseudonym(self._key, str(v)) if k in NAMED else v for k, v in particulars.items()}
        with self._lock:
            line: dict[str, Any] = {
                "n": self._number + 1,
                "at": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
                "event": event,
                **named,
                "previous": self._last,
            }
            line["hash"] = seal(self._key, line)
            _append(self._path, (json.dumps(line, ensure_ascii=False) + "\n").encode())
            self._number, self._last = line["n"], line["hash"]
            _replace(head_of(self._path), _head(self._key, line["n"], line["hash"]))

    def _drop_cut_line(self) -> None:
        if not self._path.exists():
            return
        with self._path.open("rb+") as file:
            data = file.read()
            whole = data.rfind(b"\n") + 1
            if whole < len(data):
                file.truncate(whole)


@dataclass(frozen=True)
class Verdict:
    """What `verify` found.

    Attributes:
        lines: that are in order.
        faults: sentences; empty where nothing was changed.
    """

    lines: int
    faults: tuple[str, ...]


def verify(path: Path, key: bytes) -> Verdict:
    """Whether every line is as it was written, none is missing, and none was put in.

    Raises:
        OSError: the log cannot be read.
    """
    faults: list[str] = []
    last, before, number = START, START, 0
    with path.open("rb") as file:
        for place, raw in enumerate(file, start=1):
            try:
                line = json.loads(raw)
                sealed = hmac.compare_digest(str(line["hash"]), seal(key, line))
                previous, said = line["previous"], line["n"]
            except (ValueError, KeyError, TypeError):
                faults.append(f"Line {place} is no line of this log.")
                continue
            if not sealed:
                faults.append(f"Line {place} was changed.")
            if previous != last or said != number + 1:
                faults.append(f"Before line {place} something is missing or was put in.")
            before, last, number = last, line["hash"], said
    try:
        head = head_of(path).read_bytes()
    except OSError:
        head = b""
    # A crash between a line and its head leaves the head one behind.
    if not faults and head not in (_head(key, number, last), _head(key, number - 1, before)):
        faults.append(f"Lines are missing at the end, or the head is: the log ends at line {number}.")
    return Verdict(number if not faults else 0, tuple(faults))


def read_key(path: Path) -> bytes:
    """The key in a file, which is made where there is none; it is to be kept where the log's readers cannot write.

    Raises:
        AuditKeyMissing: it can neither be read nor made.
    """
    import secrets

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            write_new(path, secrets.token_hex(KEY_BYTES).encode())
            path.chmod(0o600)
        key = path.read_bytes()
    except OSError as error:
        raise AuditKeyMissing(path, error.strerror or "an error") from error
    if len(key) < KEY_BYTES:
        raise AuditKeyMissing(path, "it is too short")
    return key


def pseudonym(key: bytes, name: str) -> str:
    """What stands for a UID or a person in the log."""
    return hmac.new(key, f"name {name}".encode(), "sha256").hexdigest()[:PSEUDONYM]


def seal(key: bytes, line: dict[str, Any]) -> str:
    """The keyed hash of a line, its own hash left out."""
    content = {name: value for name, value in line.items() if name != "hash"}
    return hmac.new(key, json.dumps(content, sort_keys=True).encode(), "sha256").hexdigest()


def _head(key: bytes, number: int, last: str) -> bytes:
    head: dict[str, Any] = {"n": number, "last": last}
    return json.dumps({**head, "hash": seal(key, head)}).encode()


def head_of(path: Path) -> Path:
    """Where a log's head lies."""
    return path.with_name(f"{path.name}.head")


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        with path.open("rb") as file:
            for raw in file:
                try:
                    line = json.loads(raw)
                    yield {"n": int(line["n"]), "hash": str(line["hash"])}
                except (ValueError, KeyError, TypeError):
                    continue  # `verify` tells of it


def _append(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    try:
        before = os.fstat(handle).st_size
        try:
            if os.write(handle, data) < len(data):
                raise OSError("the disk is full")
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, before)  # half a line would join the next one
            raise
    finally:
        os.close(handle)


def _replace(path: Path, data: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(data)
    part.replace(path)

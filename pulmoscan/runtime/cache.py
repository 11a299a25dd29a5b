"""Compiled networks on disk. They hold weights and nothing else: no pixels, no patient data.

The folder is the user's own cache folder, or the one that PULMOSCAN_CACHE names; `PULMOSCAN_CACHE=off` keeps nothing.
A file that is damaged or cannot be written costs time, never an error: the network is then compiled anew.
"""

from __future__ import annotations

import hashlib
import logging
import mmap
import os
from pathlib import Path

from pulmoscan.reading.records import write_whole
from pulmoscan.settings import cache_folder

MAGIC = b"PulmoScan compiled 2\n"
HEADER = 64
"""Bytes before the content: magic, SHA-256 and zeros, so that the content lies where processors like it."""

KEPT_PER_NAME = 4
"""Older files of the same name go: weights are replaced, and runtimes updated, now and then."""

logger = logging.getLogger(__name__)


def load(name: str, key: str) -> memoryview | None:
    """What `store` kept under that key; None if there is nothing, or it is no longer what was stored.

    It is the file itself, mapped into memory: what is not in use need not stay there (see `memory.let_go`).
    """
    if (path := _path(name, key)) is None:
        return None
    try:
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        os.utime(path)  # the files used longest ago are the first to go
    except ValueError:  # it is empty
        content, header = memoryview(b""), b""
    except OSError:
        return None
    else:
        content, header = memoryview(mapped)[HEADER:], mapped[:HEADER]
    if header != _header(content):
        logger.warning("%s is damaged; the network is compiled again", path)
        return None
    return content


def store(name: str, key: str, content: bytes) -> None:
    """Keep a compiled network for the next start, if that can be done."""
    if (path := _path(name, key)) is None:
        return
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, _header(content), content, mode=0o600)
        _make_room(path.parent, name)
    except OSError as error:
        logger.warning("Compiled networks cannot be kept in %s (%s)", path.parent, error.strerror)


def _header(content: bytes | memoryview) -> bytes:
    return (MAGIC + hashlib.sha256(content).digest()).ljust(HEADER, b"\0")


def _path(name: str, key: str) -> Path | None:
    where = cache_folder()
    return where / f"{name}.{key}.compiled" if where else None


def _make_room(where: Path, name: str) -> None:
    files = sorted(where.glob(f"{name}.*.compiled"), key=lambda p: p.stat().st_mtime_ns, reverse=True)
    for stale in files[KEPT_PER_NAME:]:
        stale.unlink(missing_ok=True)

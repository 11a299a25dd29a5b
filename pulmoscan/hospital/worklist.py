"""The queue's studies in the order in which somebody should look at them.

What is suspected goes first, and nothing waits longer than a limit. Priority by a model alone lets the others wait ever
longer: in a published simulation the longest time to a report on a pneumothorax grew from 890 to 1,293 minutes
(Baltruschat et al. 2021, doi 10.1007/s00330-020-07480-7).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pulmoscan.export.files import write_new
from pulmoscan.hospital.queue import Queue

MARKS = ("read, agrees", "read, disagrees", "needs another look")
SCRYPT = {"n": 2**14, "r": 8, "p": 1}
"""Cost of one try: some 50 ms and 16 MB."""


@dataclass(frozen=True)
class Entry:
    """One study.

    Attributes:
        since: when its first instance came, in seconds since the epoch.
        probability, threshold: of its most suspect radiograph; None where none was screened.
        reason: why something of it was not screened; empty where all was.
        sop_uid: of the radiograph to be opened first.
        mark, reader: a reader's last word; empty where nobody has read it.
        site_profile: that the node screened it by; empty where the published operating points applied.
    """

    study_uid: str
    since: float
    screened: int
    probability: float | None
    threshold: float | None
    suspected: bool
    reason: str
    sop_uid: str
    mark: str
    reader: str
    site_profile: str = ""

    @property
    def is_read(self) -> bool:
        return self.mark in MARKS[:2]


def entries(queue: Queue, since: float = 0.0) -> list[Entry]:
    """Every study of which something was judged and whose files are still there, in the order of arrival."""
    rows = queue.rows(
        "SELECT i.study_uid, min(i.received) AS since, sum(i.state = 'screened') AS screened, "
        "max(i.label = 'pneumonia') AS suspected, max(CASE WHEN i.reason != '' THEN i.reason END) AS reason, "
        "m.mark, m.reader FROM instance AS i LEFT JOIN mark AS m ON m.study_uid = i.study_uid "
        "WHERE i.state != 'received' AND i.removed IS NULL GROUP BY i.study_uid HAVING min(i.received) >= ? "
        "ORDER BY min(i.received)",
        (since,),
    )
    found = []
    for row in rows:
        (first,) = queue.rows(
            "SELECT sop_uid, probability, threshold, site_profile FROM instance WHERE study_uid = ? "
            "AND removed IS NULL AND state != 'received' ORDER BY probability - threshold DESC NULLS LAST LIMIT 1",
            (row["study_uid"],),
        )
        found.append(
            Entry(
                row["study_uid"], row["since"], row["screened"], first["probability"], first["threshold"],
                bool(row["suspected"]), row["reason"] or "", first["sop_uid"], row["mark"] or "", row["reader"] or "",
                first["site_profile"] or "",
            )
        )  # fmt: skip
    return found


def ordered(found: Iterable[Entry], now: float, longest_wait: float) -> list[Entry]:
    """Unread studies before those that are read; of these first what has waited too long, the longest first; then what
    is suspected, the most probable first, with what could not be screened behind it; then the rest as it came.

    Args:
        longest_wait: seconds after which a study goes before all others.
    """

    def key(entry: Entry) -> tuple[bool, int, float]:
        if now - entry.since >= longest_wait:
            return (entry.is_read, 0, entry.since)
        if entry.suspected and entry.probability is not None:
            return (entry.is_read, 1, -round(entry.probability, 2))
        return (entry.is_read, 2 if entry.probability is None else 3, entry.since)

    return sorted(found, key=key)


def write_passphrase(path: Path, passphrase: str) -> None:
    """Keep a passphrase's hash (scrypt, RFC 7914) in a new file that only its owner may read.

    Raises:
        FileExistsError: there is one already.
        OSError: it cannot be written.
    """
    salt = secrets.token_bytes(16)
    write_new(path, f"scrypt {salt.hex()} {_hash(passphrase, salt).hex()}\n".encode())
    path.chmod(0o600)


def is_passphrase(path: Path, passphrase: str) -> bool:
    """Whether it is the one whose hash the file holds.

    Raises:
        OSError: the file cannot be read.
    """
    kind, _, rest = path.read_text(encoding="utf-8").strip().partition(" ")
    salt, _, kept = rest.partition(" ")
    try:
        return kind == "scrypt" and hmac.compare_digest(_hash(passphrase, bytes.fromhex(salt)), bytes.fromhex(kept))
    except ValueError:
        return False


def _hash(passphrase: str, salt: bytes) -> bytes:
    return hashlib.scrypt(passphrase.encode(), salt=salt, maxmem=64 * 2**20, **SCRYPT)

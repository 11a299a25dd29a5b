"""The node's files: what was received and what was made of it, each whole and synced before the queue knows of it.

Names are hashes of SOP Instance UIDs, so that nothing that a sender says becomes part of a path.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Collection
from pathlib import Path

from pulmoscan.export.files import sync_folder

ABANDONED_SECONDS = 300.0
"""What is still being received grows; a file that did not for so long is of an association that died."""


class Spool:
    """The folders below the node's own.

    Attributes:
        partial: what is being received.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.partial = folder / "partial"
        self._received, self._results = folder / "received", folder / "results"
        for path in (self.partial, self._received, self._results):
            path.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)  # patients' data, and the queue beside it

    def received(self, sop_uid: str) -> Path:
        """Where an instance that was received lies."""
        return received_path(self.folder, sop_uid)

    def result(self, uid: str) -> Path:
        """Where an instance that we made lies."""
        return self._results / _name(uid)

    def take(self, part: Path, sop_uid: str) -> None:
        """Give what was received its place, synced.

        Raises:
            OSError: it cannot be.
        """
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(self.received(sop_uid))
        sync_folder(self._received)

    def write_result(self, uid: str, data: bytes) -> None:
        """Write an instance that we made, whole and synced; in place of what a run that was killed had written.

        Raises:
            OSError: it cannot be.
        """
        path = self.result(uid)
        part = path.with_suffix(".part")
        try:
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        sync_folder(self._results)

    def free_bytes(self) -> int:
        """That the disk has left."""
        return shutil.disk_usage(self.folder).free

    def sweep(self, received: Collection[str], results: Collection[str], all_parts: bool = False) -> None:
        """Remove what the queue does not know of: its sender was never told that it arrived, and sends it again.

        Args:
            received, results: UIDs that it knows of.
            all_parts: nothing is being received now; else only abandoned parts go.
        """
        for folder, uids in ((self._received, received), (self._results, results)):
            known = {_name(uid) for uid in uids}
            for path in folder.iterdir():
                if path.name not in known:
                    path.unlink(missing_ok=True)
        self.sweep_parts(0.0 if all_parts else ABANDONED_SECONDS)

    def sweep_parts(self, older_than: float = ABANDONED_SECONDS) -> None:
        """Remove what associations that died have left half-received."""
        limit = time.time() - older_than
        for path in self.partial.iterdir():
            try:
                if path.stat().st_mtime <= limit:
                    path.unlink()
            except FileNotFoundError:  # it was taken meanwhile
                continue


def received_path(folder: Path, sop_uid: str) -> Path:
    """Where an instance that was received lies in a node's folder."""
    return folder / "received" / _name(sop_uid)


def _name(uid: str) -> str:
    return f"{hashlib.sha256(uid.encode()).hexdigest()[:40]}.dcm"

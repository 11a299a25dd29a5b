"""New studies of a DICOMweb server -> the queue: asked for by QIDO-RS, fetched by WADO-RS."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone

from pulmoscan.errors import PeerError
from pulmoscan.hospital.configuration import Node, WebSource
from pulmoscan.hospital.dicomweb import Source
from pulmoscan.hospital.queue import Queue
from pulmoscan.hospital.receiver import has_room, take
from pulmoscan.hospital.spool import Spool

logger = logging.getLogger(__name__)


class Puller:
    """Asks one server again and again; what the queue knows is not fetched."""

    def __init__(
        self,
        node: Node,
        settings: WebSource,
        queue: Queue,
        spool: Spool,
        lock: threading.Lock,
        audit: Callable[..., None],
    ) -> None:
        self._node, self._settings, self._queue, self._spool = node, settings, queue, spool
        self._lock, self._audit = lock, audit
        self._source = Source(settings)
        self._due = 0.0

    def run_once(self) -> bool:
        """Fetch what is new, if it is time to ask.

        Raises:
            PeerError: the server cannot be asked, or an instance cannot be had; what was fetched before stays.
            OSError, sqlite3.Error: of this side's disk.
        """
        if time.monotonic() < self._due:
            return False
        self._due = time.monotonic() + self._settings.every_seconds
        trouble: PeerError | None = None
        for study, series, instance in self._source.instances(datetime.now(timezone.utc).astimezone().date()):
            if self._queue.knows(instance):
                continue
            if not has_room(self._node, self._queue, self._spool):
                break
            try:
                self._fetch(study, series, instance)
            except PeerError as error:  # one that cannot be had keeps no other waiting
                trouble = error
        if trouble:
            raise trouble
        return False

    def _fetch(self, study: str, series: str, instance: str) -> None:
        part = self._spool.partial / f"pulled-{secrets.token_hex(8)}.dcm"
        try:
            self._source.fetch(study, series, instance).save_as(part, enforce_file_format=True)
            take(part, instance, self._settings.name, self._queue, self._spool, self._lock, self._audit)
        finally:
            part.unlink(missing_ok=True)

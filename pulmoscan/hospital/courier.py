"""Results -> one destination: one association or request a study, again and again until it has them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from pydicom.uid import generate_uid

from pulmoscan.errors import PeerError
from pulmoscan.hospital.configuration import Configuration, DimseDestination, WebDestination
from pulmoscan.hospital.dimse import DimseArchive, Sent
from pulmoscan.hospital.queue import Queue, Shipment
from pulmoscan.hospital.spool import Spool

LONGEST_PAUSE = 900.0
"""Seconds between two tries, at most."""

logger = logging.getLogger(__name__)


class Archive(Protocol):
    """Whatever takes results."""

    def echo(self) -> None: ...

    def send(self, instances: Mapping[str, Path], transaction: str, each: Callable[[Sent, bool], None]) -> None: ...


class Courier:
    """Delivers to one destination; a dead one keeps no other waiting."""

    def __init__(
        self,
        settings: Configuration,
        destination: DimseDestination | WebDestination,
        archive: Archive,
        queue: Queue,
        spool: Spool,
        audit: Callable[..., None],
    ) -> None:
        self._settings, self._destination, self._archive = settings, destination, archive
        self._queue, self._spool, self._audit = queue, spool, audit
        self._failures = 0
        self._rests_until = 0.0

    def run_once(self) -> bool:
        """Deliver the next study; False where nothing is due, or the destination is let rest after a failure.

        Raises:
            OSError, sqlite3.Error: of this side's disk.
        """
        if time.time() < self._rests_until:
            return False
        shipment = self._queue.due(self._destination.name)
        if shipment is None:
            return self._ask_again()
        self._deliver(shipment)
        return True

    def _deliver(self, shipment: Shipment) -> None:
        name, transaction = self._destination.name, str(generate_uid())
        waiting = {result.uid: self._spool.result(result.uid) for result in shipment.results}
        overdue = time.time() - shipment.since > 3600 * self._settings.retention.give_up_hours

        def each(sent: Sent, to_be_committed: bool) -> None:
            waiting.pop(sent.uid)
            if not sent.error:
                self._queue.sent(name, [sent.uid], transaction if to_be_committed else None)
                self._audit("sent", instance=sent.uid, study=shipment.study_uid, destination=name)
            elif sent.for_good or overdue:
                self._give_up(shipment, [sent.uid], sent.error)
            else:
                self._queue.put_off(name, [sent.uid], sent.error, time.time() + self._pause(shipment.attempts))

        try:
            self._archive.send(dict(waiting), transaction, each)
            self._failures = 0
        except PeerError as error:
            logger.warning("%s", error)
            pause = self._pause(self._failures)
            self._failures += 1
            self._rests_until = time.time() + pause
            if overdue:
                self._give_up(shipment, list(waiting), str(error))
            else:
                self._queue.put_off(name, list(waiting), str(error), self._rests_until)

    def _give_up(self, shipment: Shipment, uids: list[str], error: str) -> None:
        logger.error("Given up: %s", error)
        self._queue.give_up(self._destination.name, uids, error)
        for uid in uids:
            self._audit("given up", instance=uid, study=shipment.study_uid, destination=self._destination.name)

    def _pause(self, failures: int) -> float:
        """Seconds until the next try: twice as long after each failure."""
        return float(min(LONGEST_PAUSE, self._destination.retry_seconds * 2 ** min(failures, 20)))

    def _ask_again(self) -> bool:
        """For commitment, where the answer does not come; no more once the time for deliveries is over."""
        if not isinstance(self._destination, DimseDestination) or not isinstance(self._archive, DimseArchive):
            return False
        late = self._queue.unanswered(self._destination.name, self._destination.commitment_seconds)
        if not late:
            return False
        limit = time.time() - 3600 * self._settings.retention.give_up_hours
        given_up = [result.uid for result, since in late if since < limit]
        self._queue.ask_again(self._destination.name, given_up, None)
        asked = {result.uid: result.sop_class for result, since in late if since >= limit}
        if asked:
            transaction = str(generate_uid())
            self._queue.ask_again(self._destination.name, asked, transaction)
            try:
                self._archive.commit(asked, transaction)
            except PeerError as error:
                logger.warning("%s", error)
        return True

"""The whole node: receiver, screener, a courier for each destination, and who tidies up, each in its own thread."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable

from pulmoscan.errors import PulmoScanError
from pulmoscan.errors.traces import log_unforeseen
from pulmoscan.hospital.configuration import Configuration, DimseDestination, WebDestination
from pulmoscan.hospital.courier import Archive, Courier
from pulmoscan.hospital.dicomweb import WebServer
from pulmoscan.hospital.dimse import DimseArchive
from pulmoscan.hospital.drift import weeks
from pulmoscan.hospital.puller import Puller
from pulmoscan.hospital.queue import Queue
from pulmoscan.hospital.receiver import Receiver
from pulmoscan.hospital.screener import Screener
from pulmoscan.hospital.spool import Spool
from pulmoscan.screening import load_model

IDLE_SECONDS = 0.2
TROUBLE_SECONDS = 5.0
"""Between two tries where this side's disk is full or broken."""
TIDY_SECONDS = 60.0
DRIFT_SECONDS = 3600.0
QUEUE_FILE = "queue.sqlite"

logger = logging.getLogger(__name__)


def nothing(event: str, **particulars: object) -> None:
    """An audit that keeps nothing."""


class Node:
    """Runs from `start` to `stop`; whatever was going on when it ends, or is killed, is gone on with at the next start.

    Args:
        audit: is told of what happens: an event's name and its particulars.

    Raises:
        ModelError: the model cannot be loaded.
        OSError, sqlite3.Error: its folder cannot be used.
    """

    def __init__(self, settings: Configuration, audit: Callable[..., None] = nothing) -> None:
        self.settings = settings
        folder = settings.node.folder
        self.spool = Spool(folder)
        self.queue = Queue(folder / QUEUE_FILE)
        self._audit = audit
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self.receiver = Receiver(settings, self.queue, self.spool, self._answered, audit)
        self._steps: list[tuple[str, Callable[[], bool]]] = [
            ("screener", Screener(settings, self.queue, self.spool, load_model(settings.node.model), audit).run_once)
        ]
        for destination in settings.destinations:
            archive = archive_of(destination, settings.node.ae_titles[0], self._answered)
            courier = Courier(settings, destination, archive, self.queue, self.spool, audit)
            self._steps.append((f"courier {destination.name}", courier.run_once))
        for source in settings.pull:
            puller = Puller(settings.node, source, self.queue, self.spool, self.receiver.taking, audit)
            self._steps.append((f"puller {source.name}", puller.run_once))
        self._tidied = self._looked = 0.0
        self._told: set[str] = set()
        self._steps += [("tidy", self._tidy), ("drift", self._look_for_drift)]

    def start(self) -> None:
        """Take up what was left, and begin to listen.

        Raises:
            CannotListen: its port is taken, or its certificate cannot be used.
        """
        self.spool.sweep(*self.queue.on_disk(), all_parts=True)
        self.receiver.start()
        for name, step in self._steps:
            thread = threading.Thread(target=self._repeat, args=(step,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()
        self._audit("started")

    def stop(self) -> None:
        """Stop receiving, finish the steps that are going on, and end."""
        self._stopping.set()
        self.receiver.stop()
        for thread in self._threads:
            thread.join()
        self._audit("stopped")

    def _repeat(self, step: Callable[[], bool]) -> None:
        while not self._stopping.is_set():
            try:
                pause = 0.0 if step() else IDLE_SECONDS
            except (OSError, sqlite3.Error) as error:
                what = getattr(error, "strerror", None) or type(error).__name__
                logger.error("%s: %s. Free or mend the disk; it is tried again.", threading.current_thread().name, what)
                pause = TROUBLE_SECONDS
            except PulmoScanError as error:
                logger.error("%s", error)
                pause = TROUBLE_SECONDS
            except Exception as error:
                log_unforeseen(logger, f"in the {threading.current_thread().name}", error)
                pause = TROUBLE_SECONDS
            self._stopping.wait(pause)

    def _tidy(self) -> bool:
        """Let go what the retention rule lets go."""
        if time.monotonic() - self._tidied < TIDY_SECONDS and self._tidied:
            return False
        self._tidied = time.monotonic()
        rule, now = self.settings.retention, time.time()
        received, results = self.queue.delivered(now - 3600 * rule.delivered_hours)
        self.queue.removed(received, results)  # what is killed here is swept at the next start
        for path in (*map(self.spool.received, received), *map(self.spool.result, results)):
            path.unlink(missing_ok=True)
        self.queue.forget(now - 86400 * rule.history_days)
        self.spool.sweep_parts()
        return False

    def _look_for_drift(self) -> bool:
        """A line in both logs on each week that differs from the site's baseline."""
        if time.monotonic() - self._looked < DRIFT_SECONDS and self._looked:
            return False
        self._looked = time.monotonic()
        for week in weeks(self.queue):
            if week.alarms and week.name not in self._told:
                self._told.add(week.name)
                for alarm in week.alarms:
                    logger.warning("%s", alarm)
                self._audit("drift", week=week.name, measures=[c.measure for c in week.changes if c.alarm])
        return False

    def _answered(self, transaction: str, kept: list[str], lost: list[str]) -> None:
        """An archive has said what it keeps."""
        self.queue.committed(transaction, kept, lost)
        self._audit("storage committed", kept=len(kept), lost=len(lost))


def archive_of(
    destination: DimseDestination | WebDestination,
    calling: str,
    answered: Callable[[str, list[str], list[str]], None] = lambda *_: None,
) -> Archive:
    """Whom a destination's settings lead to."""
    if isinstance(destination, DimseDestination):
        return DimseArchive(destination, calling, answered)
    return WebServer(destination)

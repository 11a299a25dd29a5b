"""Studies that are complete -> screenings, results on disk and in the queue."""

from __future__ import annotations

import logging
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from functools import partial

from pulmoscan.batch.outcomes import Outcome, screen_items
from pulmoscan.errors.traces import log_unforeseen
from pulmoscan.export.content import Report
from pulmoscan.hospital.configuration import Configuration
from pulmoscan.hospital.queue import Queue
from pulmoscan.hospital.results import found, results
from pulmoscan.hospital.spool import Spool
from pulmoscan.reading.files import read_file
from pulmoscan.reading.intake import Item
from pulmoscan.reading.radiograph import MAX_FILE_BYTES
from pulmoscan.screening import Model

MOST_ATTEMPTS = 5
"""An instance during which the whole program has ended so often is not tried again by itself."""
MOST_STUDIES = 10
"""Screened in one go, each decoded while the report of the one before is written; the node stops between two goes."""
STATES = {"ok": "screened", "refused": "refused", "error": "failed"}

logger = logging.getLogger(__name__)


class Screener:
    """Screens one study after the other. Killed at any moment, it begins the instances anew that it was at."""

    def __init__(
        self, settings: Configuration, queue: Queue, spool: Spool, model: Model, audit: Callable[..., None]
    ) -> None:
        self._settings, self._queue, self._spool, self._model, self._audit = settings, queue, spool, model, audit
        self._survived: Counter[str] = Counter()
        """Attempts that ended without the program's end, as on a full disk: they do not count."""

    def run_once(self) -> bool:
        """Screen the next studies that are complete; False where there are none.

        Raises:
            OSError, sqlite3.Error: the results cannot be written; what has none is still to be screened.
        """
        studies: dict[str, str] = {}
        try:
            for outcome in screen_items(self._items(studies), self._model, self._settings.node.population):
                self._settle(studies[outcome.file], outcome)
        except (OSError, sqlite3.Error):
            self._survived.update(list(studies))
            raise
        for uid in studies:
            self._survived.pop(uid, None)
        return bool(studies)

    def _items(self, studies: dict[str, str]) -> Iterator[Item]:
        """The instances of the next studies, as they are asked for; into `studies` goes whose each of them is.

        A study that was begun before goes alone: should it end the program again, no other is begun with it.
        """
        node = self._settings.node
        for number in range(MOST_STUDIES):
            study = self._queue.ripe(node.quiet_seconds, node.longest_seconds, never_begun=number > 0)
            if study is None:
                return
            rows = self._queue.begin(study)
            for uid, attempts in rows:
                studies[uid] = study
                if attempts - self._survived[uid] < MOST_ATTEMPTS:
                    yield Item(uid, partial(read_file, self._spool.received(uid), MAX_FILE_BYTES))
                else:
                    self._queue.finish(uid, "failed", f"The program has ended {attempts} times while it was screened.")
            if any(attempts for _, attempts in rows):
                return

    def _settle(self, study: str, outcome: Outcome) -> None:
        """Write what became of one instance: its results first, and then that it has them."""
        state, reason = STATES[outcome.status], outcome.anonymous_reason or outcome.reason
        made, particulars = [], None
        if outcome.radiograph and outcome.screening:
            report = Report(
                outcome.radiograph, outcome.screening, created=datetime.now(timezone.utc).astimezone(), repeatable=True
            )
            try:
                for result, data in results(report, self._settings.node.results):
                    self._spool.write_result(result.uid, data)
                    made.append(result)
                particulars = found(report)
            except OSError:
                raise
            except Exception as error:  # one odd header must not stop the others
                log_unforeseen(logger, "while results were made", error)
                state, reason, made = "failed", f"Its results could not be made ({type(error).__name__}).", []
        places = [destination.name for destination in self._settings.destinations]
        self._queue.finish(outcome.file, state, reason, particulars, made, places)
        told = ("model", "weights", "threshold", "population", "label", "site_profile")
        known = {name: (particulars or {}).get(name) for name in told}
        self._audit(state, instance=outcome.file, study=study, **{k: v for k, v in known.items() if v is not None})

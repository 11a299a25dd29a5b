"""A run's results as a worklist, a page at a time: what the app lists and opens, up to millions of rows.

What the list is sorted and filtered by is kept in memory, some tens of bytes a row; all else stays in the run's files
until its page is asked for.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from pulmoscan.batch.archive.files import Reader
from pulmoscan.batch.archive.manifest import result_name, units_of
from pulmoscan.batch.archive.report import begun, connect
from pulmoscan.batch.archive.schema import Row
from pulmoscan.batch.archive.screening import radiograph_of
from pulmoscan.batch.archive.store import Store
from pulmoscan.reading.radiograph import Radiograph

ROWS_A_PAGE = 50
CONDITIONS = {
    "All": "TRUE",
    "Suspected": "status = 'ok' AND positive",
    "No sign": "status = 'ok' AND NOT positive",
    "Refused": "status = 'refused'",
    "Failed": "status = 'error'",
    "Passed over": "status = 'passed over'",
}
"""What can be listed: its name, and the SQL of a row's."""

SHOWN = ("ordinal", "file", "status", "probability", "threshold", "label", "population", "warnings", "reason", "month")
"""Fields of a row that a page brings."""


@dataclass(frozen=True)
class Listing:
    """A page of the list.

    Attributes:
        rows: the most urgent first, as dictionaries of `SHOWN`.
        total: rows of all pages.
    """

    rows: list[Row]
    total: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // ROWS_A_PAGE))


class Results:
    """What a run has found so far, as it was when this was made. Safe to use from many threads.

    Args:
        where: the `--out` of the run.

    Raises:
        NotARun: there is none, or nothing is done yet.
        PlaceRefused, ClusterPackageMissing: see `places`; or DuckDB is not installed.
    """

    def __init__(self, where: str) -> None:
        self._store = Store(where)
        self.asked = begun(self._store)
        self._lock = threading.Lock()
        self._database = connect(self._store)
        self._database.execute(
            "CREATE TEMP TABLE listed AS SELECT ordinal, model, status::ENUM ('ok', 'refused', 'error', 'passed over') "
            "AS status, probability, label = 'pneumonia' AS positive FROM results"
        )

    @property
    def models(self) -> list[str]:
        """Those that the run screened with."""
        return list(self.asked.weights)

    def counts(self, model: str) -> dict[str, int]:
        """How many rows each of `CONDITIONS` holds for."""
        columns = ", ".join(f"count(*) FILTER ({condition})" for condition in CONDITIONS.values())
        (found,) = self._rows(f"SELECT {columns} FROM listed WHERE model = ?", [model])
        return dict(zip(CONDITIONS, found, strict=True))

    def page(self, model: str, condition: str, number: int) -> Listing:
        """One page, the most urgent first.

        Args:
            condition: one of `CONDITIONS`.
            number: of the page, from 0.
        """
        asked_for = f"FROM listed WHERE model = ? AND {CONDITIONS[condition]}"
        ((total,),) = self._rows(f"SELECT count(*) {asked_for}", [model])
        ordinals = self._rows(
            f"SELECT ordinal {asked_for} ORDER BY probability DESC NULLS LAST, ordinal LIMIT ? OFFSET ?",
            [model, ROWS_A_PAGE, number * ROWS_A_PAGE],
        )
        wanted = [ordinal for (ordinal,) in ordinals]
        return Listing(self._details(model, wanted), total)

    def radiograph(self, ordinal: int) -> Radiograph:
        """The radiograph of a row, read from the archive again.

        Raises:
            RadiographError: it is no longer there, or cannot be read.
        """
        unit = ordinal // self.asked.unit
        ((_, found),) = units_of(self._store, self.asked, {unit})
        entry = next(entry for entry in found if entry.ordinal == ordinal)
        return radiograph_of(entry, Reader())

    def _details(self, model: str, ordinals: list[int]) -> list[Row]:
        if not ordinals:
            return []
        shards = sorted({self._store.path(result_name(ordinal // self.asked.unit)) for ordinal in ordinals})
        found = self._rows(
            f"SELECT {', '.join(SHOWN)} FROM read_parquet(?) WHERE model = ? AND list_contains(?, ordinal)",
            [shards, model, ordinals],
        )
        by_ordinal = {row[0]: dict(zip(SHOWN, row, strict=True)) for row in found}
        return [by_ordinal[ordinal] for ordinal in ordinals]

    def _rows(self, sql: str, values: list[Any]) -> list[Any]:
        with self._lock:
            return list(self._database.execute(sql, values).fetchall())

"""The page Batch over a large run's results: opening it, leafing through it, and what the list holds in memory.

python -m benchmarks.archive_paging --rows 1000000
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np

from benchmarks.memory import resident_megabytes
from pulmoscan.batch.archive import manifest as m
from pulmoscan.batch.archive.entries import Entry
from pulmoscan.batch.archive.paging import CONDITIONS, ROWS_A_PAGE, Results
from pulmoscan.batch.archive.schema import VERSION, row_schema
from pulmoscan.batch.archive.screening import about_entry, write_unit
from pulmoscan.batch.archive.store import Store
from pulmoscan.reading.records import to_json

UNIT = 256
MODEL = "resnet18"
T = TypeVar("T")


def made_up_run(where: str, files: int) -> Store:
    """A finished run over that many files, of made-up scores and without evidence, which no page reads."""
    store, rng = Store(where), np.random.default_rng(0)
    for unit in range(-(-files // UNIT)):
        rows = []
        for number in range(unit * UNIT, min(files, (unit + 1) * UNIT)):
            probability = float(rng.beta(0.6, 2))
            rows.append(
                {
                    **dict.fromkeys(row_schema().names),
                    **about_entry(Entry(number, f"archive/{number % 97:02d}/{number:08d}.dcm", "x", day="2024-01-31")),
                    "status": "refused" if number % 50 == 0 else "ok",
                    "model": MODEL,
                    "probability": None if number % 50 == 0 else probability,
                    "threshold": 0.4,
                    "label": None if number % 50 == 0 else "pneumonia" if probability >= 0.4 else "normal",
                    "warnings": ["The patient's age is unknown."],
                    "attempt": 1,
                    "poisoned": False,
                }
            )
        write_unit(store, unit, rows)
    asked = m.Asked(
        source="made up", weights={MODEL: "0"}, lung_weights="1", population="auto", unit=UNIT, version="0",
        schema_version=VERSION, files=files,
    )  # fmt: skip
    store.write(m.ASKED, to_json(asked))
    return store


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    files = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        made_up_run(folder, files)
        before = resident_megabytes("self")
        print(f"{files:,} rows\n\n| what | seconds |\n|---|---|")
        results = _timed("open", lambda: Results(folder))
        held = resident_megabytes("self") - before
        _timed("counts", lambda: results.counts(MODEL))
        last = files // ROWS_A_PAGE - 1
        for name, condition, page in (
            ("first page", "All", 0), ("page in the middle", "All", last // 2), ("last page", "All", last),
            ("first page of the suspected", "Suspected", 0),
        ):  # fmt: skip
            assert condition in CONDITIONS
            _timed(name, partial(results.page, MODEL, condition, page))
        print(f"\nHeld in memory after opening: {held:.0f} MB")


def _timed(name: str, step: Callable[[], T]) -> T:
    began = time.perf_counter()
    found = step()
    print(f"| {name} | {time.perf_counter() - began:.2f} |", flush=True)
    return found


if __name__ == "__main__":
    main()

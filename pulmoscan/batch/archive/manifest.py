"""What a run was asked, and what became of it: `run.json` and `manifest.json` beside its results.

run.json                                       what was asked; there once the list of files is whole
files/part-000000.parquet                      the list, `PART` files each
results/block-000000/unit-00000000.parquet     the rows of so many files of the list; there once all are done
overlays/, reports/                            where they were asked for
manifest.json                                  the counts, made from the results at the end of each run
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec

from pulmoscan.batch.archive.entries import Entry
from pulmoscan.batch.archive.schema import STATUSES, entries_of, notes_of
from pulmoscan.batch.archive.store import Store
from pulmoscan.errors import NotARun
from pulmoscan.reading.records import Record, from_json

ASKED, MANIFEST, RESULTS, FILES = "run.json", "manifest.json", "results", "files"
PART = 65_536
"""Files of a part of the list; a multiple of every allowed size of a unit, so that no unit straddles two parts."""
UNITS_A_BLOCK = 1000
MOST_NAMED = 1000
"""Poisoned files that the manifest names; all are in the results."""
READERS = 16


class Asked(Record, frozen=True, kw_only=True):
    """What a run was asked.

    Attributes:
        weights: checksum of each model's weights, by the model's name; the models run in this order.
        site_profiles: label of the site profile that each model goes by, as far as it goes by one.
        unit: files that are handed out, and written, together.
        files: in the list; 0 until it is whole.
        folder: that relative paths were given in.
    """

    source: str
    weights: dict[str, str]
    site_profiles: dict[str, str] = msgspec.field(default_factory=dict)
    lung_weights: str
    population: str
    threshold: float | None = None
    override: bool = False
    unit: int
    overlays: bool = False
    reports: list[str] = msgspec.field(default_factory=list)
    version: str
    schema_version: int
    files: int = 0

    @property
    def units(self) -> int:
        return -(-self.files // self.unit)


class Manifest(Record, frozen=True):
    """What became of a run's files.

    Attributes:
        files: in the list; `done` and `left` add up to it, and the counts of each model to `done`.
        counts: by model and by status.
        retried: files that were tried once more, alone, after what they were handed out with had ended its worker.
        poisoned: names of those that ended a worker alone too; `poisoned_files` of them in all.
    """

    asked: Asked
    files: int
    done: int
    left: int
    counts: dict[str, dict[str, int]]
    retried: int
    poisoned_files: int
    poisoned: list[str]

    @property
    def adds_up(self) -> bool:
        return self.done + self.left == self.files and all(
            sum(by_status.values()) == self.done for by_status in self.counts.values()
        )


def result_name(unit: int) -> str:
    """The file of a unit's rows."""
    return f"{RESULTS}/block-{unit // UNITS_A_BLOCK:06d}/unit-{unit:08d}.parquet"


def part_name(part: int) -> str:
    """The file of a part of the list."""
    return f"{FILES}/part-{part:06d}.parquet"


def read_asked(store: Store) -> Asked | None:
    """What the run in a store was asked; None where there is none, or its list was never finished.

    Raises:
        NotARun: it cannot be read.
    """
    try:
        data = store.read(ASKED)
    except FileNotFoundError:
        return None
    except Exception as error:  # every store has errors of its own
        raise NotARun(store.where, type(error).__name__) from error
    try:
        return from_json(data, Asked)
    except ValueError as error:
        raise NotARun(store.where, f"{ASKED} is damaged") from error


def units_of(store: Store, asked: Asked, wanted: set[int]) -> Iterator[tuple[int, list[Entry]]]:
    """The wanted units of the list in their order, a part of the list in memory at a time."""
    per_part = PART // asked.unit
    for part in sorted({unit // per_part for unit in wanted}):
        found = entries_of(store.read(part_name(part)))
        for place in range(0, len(found), asked.unit):
            unit = part * per_part + place // asked.unit
            if unit in wanted:
                yield unit, found[place : place + asked.unit]


def done_units(store: Store) -> dict[int, dict[str, object]]:
    """The notes of each unit whose results are there and whole."""
    names = [name for name in store.names(RESULTS) if name.endswith(".parquet")]
    with ThreadPoolExecutor(READERS) as pool:
        found = pool.map(lambda name: _notes(store, name), names)
        return {int(str(notes["unit"])): notes for notes in found if notes}


def _notes(store: Store, name: str) -> dict[str, object] | None:
    try:
        with store.open(name) as file:
            return notes_of(file)
    except ValueError:  # a disk that lost its power: that unit is done again
        return None


def summed(asked: Asked, done: dict[int, dict[str, object]]) -> Manifest:
    """The manifest, from what each unit noted."""
    counts: dict[str, Counter[str]] = {model: Counter() for model in asked.weights}
    files = retried = 0
    poisoned: list[str] = []
    for _, notes in sorted(done.items()):
        files += int(str(notes["files"]))
        retried += int(str(notes["retried"]))
        poisoned += list(notes["poisoned"])  # type: ignore[call-overload]
        for model, by_status in dict(notes["counts"]).items():  # type: ignore[call-overload]
            counts[model].update(by_status)
    return Manifest(
        asked=asked,
        files=asked.files,
        done=files,
        left=asked.files - files,
        counts={model: {status: found[status] for status in STATUSES} for model, found in counts.items()},
        retried=retried,
        poisoned_files=len(poisoned),
        poisoned=poisoned[:MOST_NAMED],
    )

"""A run: lists the source once, hands its units out, isolates what ends a worker, and goes on where it stopped.

A unit is done once the file of its rows is there, which a worker writes as a whole or not at all. So a crash of any
process, at any time, costs the units that were being worked on, and no file has its rows twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

from msgspec import structs

from pulmoscan import __version__
from pulmoscan.batch.archive import manifest as m
from pulmoscan.batch.archive.entries import Entry, entries
from pulmoscan.batch.archive.manifest import Asked, Manifest
from pulmoscan.batch.archive.processes import Lost, Pool, Task
from pulmoscan.batch.archive.schema import VERSION, Row, entries_parquet
from pulmoscan.batch.archive.screening import about_entry, write_unit
from pulmoscan.batch.archive.store import Store
from pulmoscan.errors import ArchiveRunError, OtherRun, ReadingEndsWorkers
from pulmoscan.examination.examine import lung_weights
from pulmoscan.population import PopulationChoice
from pulmoscan.reading.records import to_json
from pulmoscan.screening import load_model

SIZES = (1, 8, 16, 32, 64, 128, 256)
"""Files of a unit: what a crash costs at most for each worker, against the number of files that are written."""
UNIT = 64
LAST_ATTEMPT = 3
"""With its unit, then alone, then alone again: what ends its worker both times did so by itself and not by chance."""


def asked_for(
    source: str,
    models: list[str],
    population: PopulationChoice = "auto",
    threshold: float | None = None,
    override: bool = False,
    unit: int = UNIT,
    overlays: bool = False,
    reports: list[str] | None = None,
) -> Asked:
    """What a run is asked; loads the models, so that what is missing is said before anything begins.

    Raises:
        ModelError: a model cannot be used.
        ArchiveRunError: there is no such size of a unit.
    """
    if unit not in SIZES:
        raise ArchiveRunError(f"A unit has {', '.join(map(str, SIZES))} files, not {unit}.")
    loaded = [load_model(name) for name in models]
    return Asked(
        source=source,
        weights={model.spec.name: model.card.weights_sha256 for model in loaded},
        site_profiles={model.spec.name: model.site.label for model in loaded if model.site},
        lung_weights=lung_weights(),
        population=population,
        threshold=threshold,
        override=override,
        unit=unit,
        overlays=overlays,
        reports=list(reports or []),
        version=__version__,
        schema_version=VERSION,
    )


def begin(asked: Asked, store: Store, tell: Callable[[str], object] = str) -> Asked:
    """Make the list of files, or find the one of the run that is gone on with.

    Raises:
        OtherRun: the store holds a run that was asked otherwise.
        SourceNotListed, OutNotWritable: as they say.
    """
    before = m.read_asked(store)
    if before is None:
        tell("Listing …")
        whole = structs.replace(asked, files=_list(asked, store))
        store.write(m.ASKED, to_json(whole, indent=1))
        return whole
    was, is_now = structs.asdict(before), structs.asdict(asked)
    if other := [name for name in was if name != "files" and was[name] != is_now[name]]:
        raise OtherRun(store.where, ", ".join(f"its {name} was {was[name]}" for name in other))
    return before


def _list(asked: Asked, store: Store) -> int:
    found = entries(asked.source)
    files = 0
    for number in range(10**9):
        part = list(islice(found, m.PART))
        if not part:
            break
        store.write(m.part_name(number), entries_parquet(part))
        files += len(part)
    return files


@dataclass(eq=False)
class _Split:
    """A unit that ended its worker: its files are tried one by one."""

    entries: tuple[Entry, ...]
    rows: dict[int, list[Row]] = field(default_factory=dict)


def run(asked: Asked, store: Store, pool: Pool, progress: Callable[[int], object] = int) -> Manifest:
    """Do what is not done yet; the manifest, which is written too.

    Args:
        asked: as `begin` gave it.
        progress: told how many more files are done.

    Raises:
        ArchiveRunError: it cannot go on; what is done stays done.
    """
    done = m.done_units(store)
    progress(sum(int(str(notes["files"])) for notes in done.values()))
    wanted = set(range(asked.units)) - set(done)
    try:
        _work(_tasks(store, asked, wanted), store, asked, pool, progress)
    finally:
        manifest = m.summed(asked, m.done_units(store) if wanted else done)
        store.write(m.MANIFEST, to_json(manifest, indent=1))
    return manifest


def _tasks(store: Store, asked: Asked, wanted: set[int]) -> Iterator[Task]:
    for number, found in m.units_of(store, asked, wanted):
        yield Task(number, tuple(found))


def _work(tasks: Iterator[Task], store: Store, asked: Asked, pool: Pool, progress: Callable[[int], object]) -> None:
    first: deque[Task] = deque()  # files alone
    split: dict[int, _Split] = {}
    out = 0
    while True:
        while pool.room and (task := first.popleft() if first else next(tasks, None)):
            pool.submit(task)
            out += 1
        if not out:
            return
        task, answer = pool.next()
        out -= 1
        if task.alone and isinstance(answer, Lost) and task.attempt < LAST_ATTEMPT:
            first.append(replace(task, attempt=task.attempt + 1))
        elif task.alone:
            whole, entry = split[task.unit], task.entries[0]
            whole.rows[entry.ordinal] = _poisoned(entry, asked) if isinstance(answer, Lost) else answer
            if len(whole.rows) == len(whole.entries):
                del split[task.unit]
                write_unit(store, task.unit, [row for e in whole.entries for row in whole.rows[e.ordinal]])
                progress(len(whole.entries))
        elif isinstance(answer, Lost):
            split[task.unit] = _Split(task.entries)
            first.extend(Task(task.unit, (entry,), attempt=2) for entry in task.entries)
        else:
            progress(answer.files)


def _poisoned(entry: Entry, asked: Asked) -> list[Row]:
    said = about_entry(entry) | {
        "status": "error",
        "reason": str(ReadingEndsWorkers()),
        "lung_weights_sha256": asked.lung_weights,
        "version": asked.version,
        "attempt": LAST_ATTEMPT,
        "poisoned": True,
    }
    weights: Mapping[str, str] = asked.weights
    return [said | {"model": model, "weights_sha256": checksum} for model, checksum in weights.items()]

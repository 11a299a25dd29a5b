"""A worker: entries -> rows. What `screen` does, for several models that share decoding and examination."""

from __future__ import annotations

import faulthandler
import logging
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, cast

from pulmoscan.batch.archive.entries import Entry
from pulmoscan.batch.archive.files import Reader
from pulmoscan.batch.archive.manifest import Asked, result_name
from pulmoscan.batch.archive.pictures import write_pictures
from pulmoscan.batch.archive.schema import Row, rows_parquet
from pulmoscan.batch.archive.store import Store
from pulmoscan.errors import PulmoScanError, RadiographError, UnsuitableRadiograph
from pulmoscan.errors.traces import log_unforeseen
from pulmoscan.examination.examine import Examination, examine, lung_weights
from pulmoscan.population import PopulationChoice
from pulmoscan.reading import sniff
from pulmoscan.reading.isolation import load_apart, warm_up
from pulmoscan.reading.listing import reason_to_pass_over
from pulmoscan.reading.radiograph import Radiograph
from pulmoscan.screening import Model, Screening, decide, load_model, read

AHEAD = 2
"""Files that are read and decoded ahead of the one that the models look at."""

SECONDS = 180.0
"""A file that the models look at for longer ends its worker; decoders have a limit of their own."""

logger = logging.getLogger(__name__)


class PassedOver(Exception):
    """What is not read, as `screen` passes it over in a folder; the message is the reason."""


@dataclass(frozen=True)
class UnitDone:
    """What became of a unit, for the progress."""

    files: int


class Screener:
    """One worker's networks, and what it writes to. It runs in a process of its own.

    Raises:
        ModelError: a model cannot be used.
        WorkersFail: its weights are not those that the run began with.
    """

    def __init__(self, asked: Asked, out: str) -> None:
        warm_up()
        self.asked = asked
        self.store = Store(out)
        self.models = {name: load_model(name) for name in asked.weights}
        self.lung_weights = lung_weights()
        self._reader = Reader()
        self._decoding = ThreadPoolExecutor(1, thread_name_prefix="decode")

    def unit(self, number: int, entries: Sequence[Entry]) -> UnitDone:
        """Screen a unit and write its rows."""
        rows = [row for rows in self._all(entries, attempt=1) for row in rows]
        write_unit(self.store, number, rows)
        return UnitDone(len(entries))

    def alone(self, entry: Entry, attempt: int) -> list[Row]:
        """The rows of one file, which may have ended a worker before."""
        return [row for rows in self._all([entry], attempt) for row in rows]

    def read(self, entry: Entry) -> int:
        """How many bytes a file has, once it is read; for measuring. -1 where it cannot be read."""
        try:
            return len(self._reader.read(entry))
        except RadiographError:
            return -1

    def _all(self, entries: Sequence[Entry], attempt: int) -> Iterator[list[Row]]:
        waiting: deque[tuple[Entry, Future[Radiograph]]] = deque()
        for entry in entries:
            waiting.append((entry, self._decoding.submit(self._load, entry)))
            if len(waiting) > AHEAD:
                yield self._screened(*waiting.popleft(), attempt)
        while waiting:
            yield self._screened(*waiting.popleft(), attempt)

    def _load(self, entry: Entry) -> Radiograph:
        return radiograph_of(entry, self._reader)

    def _screened(self, entry: Entry, decoding: Future[Radiograph], attempt: int) -> list[Row]:
        common = about_entry(entry) | {
            "lung_weights_sha256": self.lung_weights,
            "version": self.asked.version,
            "attempt": attempt,
            "poisoned": False,
        }
        faulthandler.dump_traceback_later(SECONDS, exit=True, file=_nowhere())
        try:
            radiograph = decoding.result()
            examination = examine(radiograph)
            seen = about_radiograph(entry, radiograph) | about_examination(examination)
            return [
                common | seen | self._by_model(entry, radiograph, examination, model) for model in self.models.values()
            ]
        except PassedOver as passed:
            failed: Row = {"status": "passed over", "reason": str(passed)}
        except RadiographError as error:
            status = "refused" if isinstance(error, UnsuitableRadiograph) else "error"
            failed = {"status": status, "reason": str(error)}
        except PulmoScanError:
            raise
        except Exception as error:
            failed = unforeseen(error)
        finally:
            faulthandler.cancel_dump_traceback_later()
        return [common | failed | {"model": name} | self._provenance(model) for name, model in self.models.items()]

    def _by_model(self, entry: Entry, radiograph: Radiograph, examination: Examination, model: Model) -> Row:
        said: Row = {"model": model.spec.name} | self._provenance(model)
        try:
            reading = read(radiograph, model, examination, self.asked.override)
            screening = decide(reading, cast(PopulationChoice, self.asked.population), self.asked.threshold)
        except UnsuitableRadiograph as error:
            return said | {"status": "refused", "reason": str(error)}
        except PulmoScanError:
            raise
        except Exception as error:
            return said | unforeseen(error)
        row = said | about_screening(screening)
        if self.asked.overlays or self.asked.reports:
            row |= write_pictures(self.store, self.asked, entry, radiograph, screening)
        return row

    def _provenance(self, model: Model) -> Row:
        return {
            "weights_sha256": model.card.weights_sha256,
            "runtime": model.settings.runtime,
            "site_profile": model.site.label if model.site else None,
        }


def radiograph_of(entry: Entry, reader: Reader) -> Radiograph:
    """The radiograph of a file; an age in the list counts where the file tells none.

    Raises:
        RadiographError: it cannot be read.
        PassedOver: it is none that is screened.
    """
    data = reader.read(entry)
    name = entry.file.replace("\\", "/")
    if reason := reason_to_pass_over(name, lambda: data[: sniff.HEAD_BYTES]):
        raise PassedOver(reason)
    radiograph = load_apart(data, name.rpartition("/")[2])
    if radiograph.source.age is None and entry.age is not None:
        radiograph = replace(radiograph, source=replace(radiograph.source, age=entry.age))
    return radiograph


def write_unit(store: Store, number: int, rows: Sequence[Row]) -> None:
    """Write a unit's rows, with the counts that the manifest is summed from."""
    counts: dict[str, dict[str, int]] = {}
    for row in rows:
        by_status = counts.setdefault(row["model"], {})
        by_status[row["status"]] = by_status.get(row["status"], 0) + 1
    first = [row for row in rows if row["model"] == rows[0]["model"]]
    notes: dict[str, Any] = {
        "unit": number,
        "files": len(first),
        "counts": counts,
        "retried": sum(row["attempt"] > 1 for row in first),
        "poisoned": [row["file"] for row in first if row["poisoned"]],
    }
    store.write(result_name(number), rows_parquet(rows, notes))


def about_entry(entry: Entry) -> Row:
    """What the list says of a file."""
    return {
        "file": entry.file,
        "ordinal": entry.ordinal,
        "age": entry.age,
        "month": entry.day[:7] if entry.day else None,
        "given_label": entry.label,
        "site": entry.site,
    }


def about_radiograph(entry: Entry, radiograph: Radiograph) -> Row:
    """What the file itself says; of dates the month alone."""
    source, dicom = radiograph.source, radiograph.dicom
    day = entry.day or (dicom.facts.study_date if dicom else "")
    return {
        "sha256": source.sha256,
        "format": source.format,
        "bits": source.bits,
        "height": radiograph.height,
        "width": radiograph.width,
        "age": source.age,
        "month": day[:7] or None,
    }


def about_examination(examination: Examination) -> Row:
    """What was seen before any model ran."""
    view, refusal = examination.view, examination.refusal
    return {
        "refusal": refusal.kind if refusal else None,
        "defects": [defect.kind for defect in examination.defects],
        "chest": view.chest,
        "whole": view.whole,
        "inverted": view.inverted,
        "side": view.side,
        "mahalanobis": view.mahalanobis,
    }


def about_screening(screening: Screening) -> Row:
    """What a model found, unrounded, and where."""
    reading = screening.reading
    method = reading.card.heat_method
    evidence = reading.evidence[method]
    return {
        "status": "ok",
        "probability": reading.probability,
        "threshold": screening.threshold,
        "label": screening.label,
        "population": screening.population,
        "lung_attention": screening.lung_attention,
        "warnings": list(screening.warnings),
        "milliseconds": reading.milliseconds,
        "precision": reading.precision,
        "logit": reading.logit,
        "evidence": evidence.ravel().tolist(),
        "evidence_rows": evidence.shape[0],
        "evidence_columns": evidence.shape[1],
        "heat_method": method,
        "peak_heat": reading.peak_heat,
    }


def unforeseen(error: Exception) -> Row:
    """What should not have happened is that file's outcome, as `screen` has it."""
    log_unforeseen(logger, "while screening a file of an archive", error)
    return {
        "status": "error",
        "reason": f"It could not be screened ({type(error).__name__}). Export it again as PNG.",
    }


def _nowhere() -> Any:
    """Where the traceback of a worker that is ended goes: it may quote a header."""
    global _devnull
    if _devnull is None:
        _devnull = open(os.devnull, "w")  # noqa: PTH123, SIM115
    return _devnull


_devnull: Any = None

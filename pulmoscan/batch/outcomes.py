"""Screen many files one after the other: `Item`s -> `Outcome`s. One bad file never stops the others.

No more than `AHEAD` + 1 radiographs are in memory at a time, however many files there are.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal

from pulmoscan.errors import PulmoScanError, RadiographError, UnsuitableRadiograph
from pulmoscan.errors.traces import log_unforeseen
from pulmoscan.population import PopulationChoice
from pulmoscan.reading.intake import Item
from pulmoscan.reading.isolation import load_apart
from pulmoscan.reading.radiograph import Radiograph
from pulmoscan.screening import Model, Screening, decide, load_model, screen
from pulmoscan.statistics.triage import Promise

AHEAD = 1
"""Radiographs that are decoded ahead of the one that the model reads."""

Status = Literal["ok", "refused", "error"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of one file: a screening, or the reason why there is none."""

    file: str
    status: Status
    model: str
    radiograph: Radiograph | None = None
    screening: Screening | None = None
    reason: str = ""
    anonymous_reason: str = ""  # where the reason quotes the file or its path
    duplicate_of: str = ""  # the file of the same bytes that was screened before

    def renamed(self, name: str, duplicate_of: str = "") -> Outcome:
        """Under a name that says nothing of the file, and without anything that quotes it."""
        screening = self.screening
        if screening and self.duplicate_of:
            kept = tuple(w for w in screening.warnings if w != repeated(self.duplicate_of))
            screening = replace(screening, warnings=(*kept, repeated(duplicate_of)))
        reason = self.anonymous_reason or self.reason
        return replace(self, file=name, screening=screening, reason=reason, duplicate_of=duplicate_of)

    def as_dict(self) -> dict[str, Any]:
        """The fields of the command line's JSON, in their order."""
        s = self.screening
        return {
            "file": self.file,
            "status": self.status,
            "model": self.model,
            "probability": round(s.reading.probability, 6) if s else None,
            "threshold": s.threshold if s else None,
            "label": s.label if s else None,
            "population": s.population if s else None,
            "lung_attention": round(s.lung_attention, 4) if s and s.lung_attention is not None else None,
            "warnings": list(s.warnings) if s else [],
            "reason": self.reason or None,
            "milliseconds": round(s.reading.milliseconds, 1) if s else None,
            "precision": s.reading.precision if s else None,
            "triage": s.triage_call if s else None,
            "site": s.reading.site.label if s and s.reading.site else None,
            "site_probability": round(s.reading.site_probability, 6) if s and s.reading.site_probability else None,
        }


def screen_items(
    items: Iterable[Item],
    model: Model | str,
    population: PopulationChoice = "auto",
    threshold: float | None = None,
    seen: dict[str, Outcome] | None = None,
    override: bool = False,
    promise: Promise | None = None,
) -> Iterator[Outcome]:
    """Screen items in their order, each outcome as it is done; whatever is wrong with a file becomes its reason.

    The next file is decoded while the model reads. A file whose bytes were screened before gets the same reading, and a
    warning that says so.

    Args:
        model: as `screening.load_model` gives it, or its name.
        seen: outcomes by the SHA-256 of their file, for runs that continue an earlier one; filled.
        override: screen also what the gate refuses.
        promise: what a triage must hold, if there is to be one.

    Raises:
        ModelError, InvalidThreshold, UnknownPopulation: nothing can be screened this way.
    """
    seen = {} if seen is None else seen
    model = load_model(model) if isinstance(model, str) else model
    waiting: deque[tuple[Item, Future[Radiograph]]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="decode") as pool:
        for item in items:
            waiting.append((item, pool.submit(load, item)))
            if len(waiting) > AHEAD:
                yield _outcome(*waiting.popleft(), model, population, threshold, seen, override, promise)
        while waiting:
            yield _outcome(*waiting.popleft(), model, population, threshold, seen, override, promise)


def load(item: Item) -> Radiograph:
    """The item's radiograph.

    Raises:
        RadiographError: it cannot become one.
    """
    return load_apart(item.read(), item.short_name)


def repeated(first: str) -> str:
    """What is said of a file whose bytes were screened before under that name."""
    return f"The very same file as {first}."


def urgency(outcome: Outcome) -> tuple[float, int, float, str]:
    """A key that sorts a worklist: the most probable first, in steps of a hundredth; of equals the one warned of."""
    s = outcome.screening
    if s is None:
        return (1.0, 0, 0.0, outcome.file)
    p = s.reading.probability
    return (-round(p, 2), -len(s.warnings), -p, outcome.file)


def _outcome(
    item: Item,
    decoding: Future[Radiograph],
    model: Model,
    population: PopulationChoice,
    threshold: float | None,
    seen: dict[str, Outcome],
    override: bool,
    promise: Promise | None,
) -> Outcome:
    try:
        radiograph = decoding.result()
        known = seen.get(radiograph.key)
        if known is None or known.screening is None:
            outcome = Outcome(
                item.name,
                "ok",
                model.spec.name,
                radiograph,
                screen(radiograph, model, population, threshold, override, promise),
            )
            seen[radiograph.key] = replace(outcome, radiograph=None)
            return outcome
        screening = decide(known.screening.reading, population, threshold, promise)
        screening = replace(screening, warnings=(*screening.warnings, repeated(known.file)))
        return Outcome(item.name, "ok", model.spec.name, radiograph, screening, duplicate_of=known.file)
    except RadiographError as error:
        status: Status = "refused" if isinstance(error, UnsuitableRadiograph) else "error"
        return Outcome(item.name, status, model.spec.name, reason=str(error), anonymous_reason=error.anonymous)
    except PulmoScanError:
        raise
    except Exception as error:
        log_unforeseen(logger, "while screening a file", error)
        return Outcome(
            item.name,
            "error",
            model.spec.name,
            reason=f"It could not be screened ({type(error).__name__}). Export it again as PNG.",
        )

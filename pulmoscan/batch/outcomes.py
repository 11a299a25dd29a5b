"""Screen many files one after the other: `Item`s -> `Outcome`s. One bad file never stops the others.

No more than `AHEAD` + 1 radiographs are in memory at a time, however many files there are.
"""

from __future__ import annotations

import glob
import logging
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from pulmoscan.errors import PulmoScanError, RadiographError, UnsuitableRadiograph
from pulmoscan.export.words import OPACITY
from pulmoscan.models import gradcam
from pulmoscan.population import PopulationChoice
from pulmoscan.reading.intake import Item
from pulmoscan.reading.radiograph import Radiograph, load_radiograph, may_be_radiograph
from pulmoscan.screening import Model, Screening, decide, load_model, screen

AHEAD = 1
"""Radiographs that are decoded ahead of the one that the model reads."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of one file: a screening, or the reason why there is none."""

    file: str
    status: Literal["ok", "refused", "error"]
    model: str
    radiograph: Radiograph | None = None
    screening: Screening | None = None
    reason: str = ""
    duplicate_of: str = ""  # the file of the same bytes that was screened before

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
        }


def find_files(paths: Iterable[str]) -> list[Path]:
    """Files, the images in folders (and below) and what globs match, each once, in the given order.

    A path that matches nothing is kept as it is, so that it is reported rather than passed over.
    """
    found: dict[Path, None] = {}
    for text in paths:
        path = Path(text)
        if path.is_dir():
            inside = [p for p in sorted(path.rglob("*")) if may_be_radiograph(p)]
            matches = inside or [path]
        elif path.exists():
            matches = [path]
        else:
            # Path.glob takes no absolute patterns.
            matches = [Path(match) for match in sorted(glob.glob(text, recursive=True))] or [path]  # noqa: PTH207
        found.update(dict.fromkeys(matches))
    return list(found)


def screen_items(
    items: Iterable[Item],
    model: Model | str,
    population: PopulationChoice = "auto",
    threshold: float | None = None,
    seen: dict[str, Outcome] | None = None,
    override: bool = False,
) -> Iterator[Outcome]:
    """Screen items in their order, each outcome as it is done; whatever is wrong with a file becomes its reason.

    The next file is decoded while the model reads. A file whose bytes were screened before gets the same reading, and a
    warning that says so.

    Args:
        model: as `screening.load_model` gives it, or its name.
        seen: outcomes by the SHA-256 of their file, for runs that continue an earlier one; filled.
        override: screen also what the gate refuses.

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
                yield _outcome(*waiting.popleft(), model, population, threshold, seen, override)
        while waiting:
            yield _outcome(*waiting.popleft(), model, population, threshold, seen, override)


def load(item: Item) -> Radiograph:
    """The item's radiograph.

    Raises:
        RadiographError: it cannot become one.
    """
    return load_radiograph(item.read(), item.short_name)


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
) -> Outcome:
    try:
        radiograph = decoding.result()
        known = seen.get(radiograph.key)
        if known is None or known.screening is None:
            outcome = Outcome(
                item.name, "ok", model.spec.name, radiograph, screen(radiograph, model, population, threshold, override)
            )
            seen[radiograph.key] = replace(outcome, radiograph=None)
            return outcome
        screening = decide(known.screening.reading, population, threshold)
        repeated = f"The very same file as {known.file}."
        screening = replace(screening, warnings=(*screening.warnings, repeated))
        return Outcome(item.name, "ok", model.spec.name, radiograph, screening, duplicate_of=known.file)
    except UnsuitableRadiograph as error:
        return Outcome(item.name, "refused", model.spec.name, reason=str(error))
    except RadiographError as error:
        return Outcome(item.name, "error", model.spec.name, reason=str(error))
    except PulmoScanError:
        raise
    except Exception as error:
        logger.exception("Unforeseen error while screening a file")
        return Outcome(
            item.name,
            "error",
            model.spec.name,
            reason=f"It could not be screened ({type(error).__name__}). Export it again as PNG.",
        )


class UniqueNames:
    """Names for the files of one folder: where two files of different folders share one, the second is `NAME-2`."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, stem: str) -> str:
        name, number = stem, 1
        while name in self._taken:
            number += 1
            name = f"{stem}-{number}"
        self._taken.add(name)
        return name


class Exports:
    """Writes heatmaps and overlays of outcomes into folders, each file under a name of its own."""

    def __init__(self, maps: Path | None, overlays: Path | None) -> None:
        self.maps = maps
        self.overlays = overlays
        self._names = UniqueNames()
        for folder in (maps, overlays):
            if folder is not None:
                try:
                    folder.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    raise PulmoScanError(
                        f"{folder} cannot be made ({error.strerror}). Choose another folder."
                    ) from error

    def write(self, outcome: Outcome) -> None:
        """`NAME.npy`: float32 [H, W] in [0, 1] at the radiograph's size; `NAME.png`: the overlay at that size."""
        if outcome.screening is None or outcome.radiograph is None or not (self.maps or self.overlays):
            return
        name = self._names.take(Path(outcome.file).stem)
        heat = outcome.screening.reading.heatmap()
        if self.maps:
            np.save(self.maps / f"{name}.npy", heat)
        if self.overlays:
            picture = gradcam.overlay(outcome.radiograph.pixels, heat, OPACITY)
            Image.fromarray(picture).save(self.overlays / f"{name}.png")

"""Screen many files one after the other: paths -> `Outcome`s. One bad file never stops the others."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from pulmoscan import gradcam
from pulmoscan.errors import NoImageInFolder, PulmoScanError, RadiographError, UnsuitableRadiograph
from pulmoscan.radiograph import FILE_EXTENSIONS, Radiograph, load_radiograph, may_be_radiograph
from pulmoscan.screening import PopulationChoice, Screening, screen

OVERLAY_OPACITY = 0.6


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of one file: a screening, or the reason why there is none."""

    file: str
    status: Literal["ok", "refused", "error"]
    model: str
    radiograph: Radiograph | None = None
    screening: Screening | None = None
    reason: str = ""

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


def screen_file(
    path: Path, model: str, population: PopulationChoice, threshold: float | None, override: bool = False
) -> Outcome:
    """Screen one file; whatever is wrong with it becomes its outcome's reason.

    Args:
        override: screen also what the gate refuses.

    Raises:
        ModelError, InvalidThreshold, UnknownPopulation: nothing can be screened this way.
    """
    try:
        if path.is_dir():
            raise NoImageInFolder(path, ", ".join(FILE_EXTENSIONS))
        radiograph = load_radiograph(path)
        screening = screen(radiograph, model, population, threshold, override)
    except UnsuitableRadiograph as error:
        return Outcome(str(path), "refused", model, reason=str(error))
    except RadiographError as error:
        return Outcome(str(path), "error", model, reason=str(error))
    return Outcome(str(path), "ok", model, radiograph, screening)


class Exports:
    """Writes heatmaps and overlays of outcomes into folders, each file under a name of its own."""

    def __init__(self, maps: Path | None, overlays: Path | None) -> None:
        self.maps = maps
        self.overlays = overlays
        self._names: set[str] = set()
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
        name = self._unused_name(Path(outcome.file).stem)
        heat = outcome.screening.reading.heatmap()
        if self.maps:
            np.save(self.maps / f"{name}.npy", heat)
        if self.overlays:
            picture = gradcam.overlay(outcome.radiograph.pixels, heat, OVERLAY_OPACITY)
            Image.fromarray(picture).save(self.overlays / f"{name}.png")

    def _unused_name(self, stem: str) -> str:
        """Files of the same name from different folders: the second becomes `NAME-2`."""
        name, number = stem, 1
        while name in self._names:
            number += 1
            name = f"{stem}-{number}"
        self._names.add(name)
        return name


def screen_files(
    paths: Iterable[Path],
    model: str,
    population: PopulationChoice,
    threshold: float | None,
    override: bool = False,
) -> Iterator[Outcome]:
    """`screen_file` for each, as they are done."""
    for path in paths:
        yield screen_file(path, model, population, threshold, override)

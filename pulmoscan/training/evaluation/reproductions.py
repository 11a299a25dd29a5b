"""Measure what becomes of pictures that were taken of radiographs, or put together from them: are they told?

They are drawn from the radiographs of one split, from every source in turn, and are the same in each run.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pulmoscan.examination import collage, gate, quality
from pulmoscan.examination.lungs import LungReader, load_reader
from pulmoscan.examination.quality import DefectKind
from pulmoscan.reading.radiograph import PHOTOGRAPH, load_radiograph
from pulmoscan.statistics import metrics
from pulmoscan.statistics.metrics import Estimate
from pulmoscan.training.data.datasets import Split
from pulmoscan.training.data.reproductions import (
    Pixels,
    in_a_black_viewer,
    in_a_grey_viewer,
    photographed,
    without_a_gap,
)
from pulmoscan.training.evaluation.quality import NO_LUNGS, ORIGINALS, sources

Draw = Callable[[Sequence[Pixels], random.Random], Pixels]
"""From three radiographs, of which most take the first alone."""
Finds = Callable[[Pixels, LungReader], bool]

SEED = 20_261_127
"""The limits were set on other draws."""
DIM = 0.08
"""Of its brightness that a dim radiograph keeps: the measures depend on no absolute grey value."""


@dataclass(frozen=True)
class ReproductionFigure:
    """How many pictures of one kind were refused or warned of, as `what` says."""

    kind: str
    what: str
    rate: Estimate


def measure_reproductions(
    data: Sequence[Path], split: Split = "validation", each: int = 120
) -> list[ReproductionFigure]:
    """`each` pictures of each kind, and every radiograph as it is.

    Raises:
        ModelError: the lung network cannot be used.
        DatasetError: a folder has no known layout, or no radiograph in this split.
    """
    reader = load_reader()
    paths = _in_turn(sources(data, split))
    figures = []
    for kind, (what, draw, finds) in KINDS.items():
        rng = random.Random(SEED)
        found = 0
        for number in tqdm(range(each), desc=f"quality: {kind}", unit="picture", disable=None):
            chosen = [paths[number % len(paths)], *rng.choices(paths, k=2)]
            found += finds(draw([load_radiograph(path).pixels for path in chosen], rng), reader)
        figures.append(ReproductionFigure(kind, what, metrics.proportion(found, each)))
    return figures + _as_they_are(paths)


def describe(figures: Sequence[ReproductionFigure]) -> str:
    """The table that the command line prints."""
    lines = ["Taken of radiographs, or put together from them"]
    return "\n".join([*lines, *(f"  {f.kind:<38} {f.what:<36} {f.rate.percent}" for f in figures)])


def _in_turn(of_source: Mapping[str, Sequence[Path]]) -> list[Path]:
    """All radiographs, one of each source after the other, each source's shuffled; of a small copy its original."""
    rng = random.Random(SEED)
    largest = [list(paths) for name, paths in of_source.items() if name + ORIGINALS not in of_source]
    for paths in largest:
        rng.shuffle(paths)
    rounds = range(max(map(len, largest)))
    return [paths[number] for number in rounds for paths in largest if number < len(paths)]


def _as_they_are(paths: Sequence[Path]) -> list[ReproductionFigure]:
    """How often radiographs are taken for what they are not."""
    found = {"as they are": 0, f"at {DIM:.0%} of their brightness": 0}
    tinted = 0
    for path in tqdm(paths, desc="quality: as they are", unit="radiograph", disable=None):
        radiograph = load_radiograph(path)
        dim = np.round(255 * DIM * radiograph.pixels) / 255
        for kind, pixels in zip(found, (radiograph.pixels, dim.astype(np.float32)), strict=True):
            found[kind] += collage.find(pixels) is not None
        tinted += PHOTOGRAPH in radiograph.warnings
    rates = [
        ReproductionFigure(kind, "refused as a collage or screenshot", metrics.proportion(count, len(paths)))
        for kind, count in found.items()
    ]
    tint = ReproductionFigure("as they are", "warned of as tinted", metrics.proportion(tinted, len(paths)))
    return [*rates, tint]


def _is_refused(pixels: Pixels, reader: LungReader) -> bool:
    return gate.check(reader.look(pixels), reader.card.limits, pixels) is not None


def _warned_of(kind: DefectKind) -> Finds:
    return lambda pixels, _: kind in {defect.kind for defect in quality.check(pixels, NO_LUNGS)}


KINDS: Mapping[str, tuple[str, Draw, Finds]] = {
    "two films without a gap": ("refused", lambda films, rng: without_a_gap(films[:2], rng), _is_refused),
    "three films without a gap": ("refused", without_a_gap, _is_refused),
    "in a viewer with grey toolbars": ("refused", lambda films, rng: in_a_grey_viewer(films[0], rng), _is_refused),
    "in a black viewer": ("warned of", lambda films, rng: in_a_black_viewer(films[0], rng), _warned_of("signs")),
    "photographed from a screen": (
        "warned of", lambda films, rng: photographed(films[0], rng), _warned_of("photograph"),
    ),
    "photographed from a film": (
        "warned of", lambda films, rng: photographed(films[0], rng, screen=False), _warned_of("photograph"),
    ),
}  # fmt: skip
"""What should become of each, how it is drawn, and whether that is so. A film shows no grid, by which photographs are
told."""

"""The training radiographs that the generator learns from, in the common frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from pulmoscan.errors import DatasetError
from pulmoscan.training.data.datasets import Example, load_dataset, select
from tools.alignment import LUNG_BOX, Image, lung_affine, to_frame

CITATION = "Kermany et al. 2018, CC BY 4.0, doi 10.17632/rscbjbr9sj"

MIN_COVERAGE = 0.85
"""Share of the common frame that a radiograph must cover."""

MIN_SOURCES = 100
"""Of each class; fewer do not tell how patients differ."""


@dataclass(frozen=True)
class SourceRadiograph:
    """A training radiograph in the common frame.

    Attributes:
        pixels: [320, 448]; the lungs' 2nd to 98th percentile is 0 to 1.
        low, high: that percentile range in the original's grey values, 0 to 1.
        squeeze: width over height of the frame's pixels, relative to the original's.
    """

    example: Example
    pixels: Image
    low: float
    high: float
    squeeze: float


def load_sources(data: Path) -> list[SourceRadiograph]:
    """One radiograph of each training patient with a larger original and a lung mask, in the common frame.

    Raises:
        DatasetError: the data holds too few of them.
    """
    sources: dict[str, SourceRadiograph] = {}
    for example in select(load_dataset(data), "train", "child"):
        if example.original and example.lung_mask and example.patient not in sources:
            source = read_source(example, example.original, example.lung_mask)
            if source is not None:
                sources[example.patient] = source
    labels = [source.example.label for source in sources.values()]
    if min(labels.count(0), labels.count(1)) < MIN_SOURCES:
        raise DatasetError(
            f"{data} holds too few training radiographs with originals448 and lung_masks224 to learn from."
        )
    return list(sources.values())


def read_source(
    example: Example, original: Path, lung_mask: Path, min_coverage: float = MIN_COVERAGE
) -> SourceRadiograph | None:
    """None if the radiograph does not cover that share of the frame."""
    with PillowImage.open(original) as image:
        pixels = np.asarray(image.convert("L"), dtype=np.float32) / np.float32(255)
    with PillowImage.open(lung_mask) as image:
        mask = np.asarray(image.convert("L").resize(pixels.shape[::-1], PillowImage.Resampling.BILINEAR)) > 127
    affine = lung_affine(mask)
    framed, coverage = to_frame(pixels, affine)
    if coverage < min_coverage:
        return None
    left, top, right, bottom = LUNG_BOX
    low, high = np.percentile(framed[top:bottom, left:right], [2, 98])
    return SourceRadiograph(
        example=example,
        pixels=np.asarray((framed - low) / (high - low), dtype=np.float32),
        low=float(low),
        high=float(high),
        squeeze=float(np.linalg.norm(affine[:, 0]) / np.linalg.norm(affine[:, 1])),
    )

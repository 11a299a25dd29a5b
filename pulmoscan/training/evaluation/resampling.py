"""Did a model learn how the adults' radiographs were resampled? Their opacities and normals, before and after the same.

Of the test split opacities came at 512 pixels and most normals as copies of 224 to 299 pixels: a model that knew such
copies would rank well here and be worthless. It would rank less well where all went through the same sizes, or where
all came at 512.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from pulmoscan.errors import DatasetError
from pulmoscan.models.loading import load_classifier
from pulmoscan.reading.radiograph import Radiograph, Source
from pulmoscan.screening import read_with
from pulmoscan.statistics.metrics import Estimate, Scores
from pulmoscan.training.data.datasets import Example, Split, load_datasets, select

CHAIN = (299, 224)
"""Sides in pixels that every radiograph is squashed to, one after the other."""

LARGE = 400
"""Radiographs whose shorter side is at least this came from their originals."""


def resampling_tests(model: str, data: Sequence[Path], split: Split) -> Mapping[str, Estimate]:
    """AUC of opacity against normal among adults, as they come and after `CHAIN`, of all and of the large ones alone.

    Raises:
        ModelError: the model cannot be used.
        DatasetError: the data holds no adults whom radiologists classed.
    """
    classifier = load_classifier(model)
    examples = [e for e in select(load_datasets(data), split, "adult") if e.group in ("opacity", "normal")]
    if {e.label for e in examples} != {0, 1}:
        raise DatasetError(
            f"The data holds no adults of the {split} split whom radiologists called normal or opacity. Give the NIH "
            "dataset; see docs/weights.md."
        )
    large, logits = [], []
    for example in tqdm(examples, desc="resampled", disable=None):
        with Image.open(example.path) as file:
            image = file.convert("L")
        large.append(min(image.size) >= LARGE)
        logits.append([read_with(classifier, _radiograph(i)).logit for i in (image, chained(image))])
    rows = np.asarray(logits)
    chosen = {"": np.ones(len(rows), dtype=bool), ", of 400 pixels or more": np.asarray(large)}
    return {
        f"{name}{of}: AUC": _scores(examples, rows[:, column], rows_of).auc
        for of, rows_of in chosen.items()
        for column, name in enumerate(("as they come", f"through {CHAIN[0]} and {CHAIN[1]} pixels"))
    }


def chained(image: Image.Image) -> Image.Image:
    """Squashed to each side of `CHAIN`, antialiased."""
    for side in CHAIN:
        image = image.resize((side, side), Image.Resampling.BILINEAR)
    return image


def describe(model: str, split: Split, figures: Mapping[str, Estimate]) -> str:
    """The table that the command line prints."""
    lines = [f"{model} · adults, opacity against normal · {split}"]
    return "\n".join([*lines, *(f"  {name:<52} {figure.decimal}" for name, figure in figures.items())])


def _scores(examples: Sequence[Example], logits: np.ndarray, chosen: np.ndarray) -> Scores:
    labels = np.array([e.label for e in examples])
    return Scores.of(labels[chosen], logits[chosen])


def _radiograph(image: Image.Image) -> Radiograph:
    return Radiograph(np.asarray(image, dtype=np.float32) / np.float32(255), Source("resampled", "PNG", "L", 8, ""))

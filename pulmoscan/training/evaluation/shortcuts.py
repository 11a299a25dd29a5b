"""Does the model look at the lungs, and does it stand what happens to files? One split, changed in one way after the
other, at the operating point that was fixed on it unchanged. And does the heat follow the disease: pictures with one
side of a pneumonia and the other of a normal (see `half_lungs`)."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from pulmoscan.errors import DatasetError
from pulmoscan.models.classifier import Classifier
from pulmoscan.models.loading import load_classifier
from pulmoscan.models.preprocessing import INPUT_SIZE, STRETCH_PERCENTILES, resample
from pulmoscan.reading.radiograph import Radiograph, Source, load_radiograph
from pulmoscan.screening import read_with
from pulmoscan.statistics import metrics
from pulmoscan.statistics.metrics import Confusion, Estimate, Scores
from pulmoscan.training.classifier.lung_guidance import soft_lung_mask
from pulmoscan.training.data.augmentation import resample_randomly
from pulmoscan.training.data.datasets import Split, load_datasets, select
from pulmoscan.training.data.framing import cropped_mask, random_window
from pulmoscan.training.evaluation.half_lungs import half_and_half, random_side

Grey = NDArray[np.uint8]
Change = Callable[[Grey, Grey], Grey]
"""A radiograph and its lung mask, uint8 [224, 224] each, to the changed radiograph."""

MIDDLE_GREY = 110.0
CHANGED = Source("changed", "PNG", "L", 8, "")


def outside_blanked(image: Grey, lungs: Grey) -> Grey:
    """Only the lungs and a margin are left."""
    soft = soft_lung_mask(lungs)
    return (image * soft + MIDDLE_GREY * (1 - soft)).astype(np.uint8)


def lungs_blanked(image: Grey, lungs: Grey) -> Grey:
    """Only what surrounds the lungs is left: scores must fall towards chance."""
    soft = soft_lung_mask(lungs)
    return (image * (1 - soft) + MIDDLE_GREY * soft).astype(np.uint8)


def reframed(image: Grey, lungs: Grey) -> Grey:
    """Cropped so that the lungs of both classes span the same share of the picture (see `framing`)."""
    rng = random.Random(int(image.sum()))
    return resample_randomly(image, rng, random_window(lungs, rng))


def reframed_lungs_blanked(image: Grey, lungs: Grey) -> Grey:
    """Only the surroundings of lungs that all span the same share: as they come, the blank's size tells the class."""
    rng = random.Random(int(image.sum()))
    window = random_window(lungs, rng)
    return lungs_blanked(resample_randomly(image, rng, window), cropped_mask(lungs, window))


def recompressed(image: Grey, _lungs: Grey) -> Grey:
    """JPEG at quality 30."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=30)
    return np.asarray(Image.open(file))


def blurred(image: Grey, _lungs: Grey) -> Grey:
    """A Gaussian of 1.5 pixels."""
    return cv2.GaussianBlur(image, (0, 0), 1.5).astype(np.uint8)


def flattened(image: Grey, _lungs: Grey) -> Grey:
    """Contrast at 60 %, gamma 0.8."""
    return ((255 * (image / 255) ** 0.8 - 128) * 0.6 + 128).astype(np.uint8)


def darkened(image: Grey, _lungs: Grey) -> Grey:
    """Gamma 1.4."""
    return (255 * (image / 255) ** 1.4).astype(np.uint8)


def tilted(image: Grey, _lungs: Grey) -> Grey:
    """Turned by 7°."""
    turn = cv2.getRotationMatrix2D((INPUT_SIZE / 2, INPUT_SIZE / 2), 7, 1)
    return cv2.warpAffine(image, turn, (INPUT_SIZE, INPUT_SIZE)).astype(np.uint8)


CHANGES: Mapping[str, Change] = {
    "as they come": lambda image, _lungs: image,
    "outside the lungs blanked": outside_blanked,
    "lungs blanked, only the outside visible": lungs_blanked,
    "lungs framed alike": reframed,
    "lungs framed alike and blanked": reframed_lungs_blanked,
    "JPEG quality 30": recompressed,
    "blurred by 1.5 px": blurred,
    "contrast 60 %, gamma 0.8": flattened,
    "gamma 1.4": darkened,
    "tilted by 7°": tilted,
}


Pair = tuple[Grey, Grey]
"""A radiograph and its lung mask, uint8 [224, 224] each."""


@dataclass(frozen=True, eq=False)
class ShortcutTest:
    """What one change did to AUC, sensitivity and specificity."""

    name: str
    auc: Estimate
    confusion: Confusion


@dataclass(frozen=True, eq=False)
class ShortcutTests:
    """All of them, and the share of the heat that lies on the pneumonia's side of half-and-half pictures."""

    changes: Sequence[ShortcutTest]
    heat_on_side: Estimate


def shortcut_tests(model: str, data: Sequence[Path], split: Split, limit: int | None = None) -> ShortcutTests:
    """Every change on the children's radiographs of a split that have a lung mask, or on an even `limit` of them.

    Raises:
        ModelError: the model cannot be used.
        DatasetError: the data holds no lung masks.
    """
    classifier = load_classifier(model)
    examples = [e for e in select(load_datasets(data), split, "child") if e.lung_mask]
    if not examples:
        raise DatasetError(
            f"The data holds no lung_masks224 folder for the {split} split. "
            "Give the dataset that has it; see docs/weights.md."
        )
    if limit and limit < len(examples):
        examples = [examples[i * len(examples) // limit] for i in range(limit)]
    threshold = classifier.card.thresholds["child"]
    labels = [e.label for e in examples]
    pairs = [(_grey(e.path), _mask(e.lung_mask)) for e in examples if e.lung_mask]
    tests = []
    for name, change in CHANGES.items():
        probabilities = [
            read_with(classifier, _radiograph(change(image, lungs) / 255)).probability
            for image, lungs in tqdm(pairs, desc=name, disable=None)
        ]
        scores = Scores.of(labels, probabilities)
        tests.append(ShortcutTest(name, scores.auc, scores.at(threshold)))
    normals = [pair for pair, label in zip(pairs, labels, strict=True) if not label]
    pneumonias = [pair for pair, label in zip(pairs, labels, strict=True) if label]
    shares = [
        heat_on_side(classifier, pneumonia, random.Random(number).choice(normals), random.Random(number))
        for number, pneumonia in enumerate(tqdm(pneumonias, desc="half and half", disable=None))
        if normals
    ]
    return ShortcutTests(tests, metrics.mean([share for share in shares if not np.isnan(share)]))


def heat_on_side(classifier: Classifier, pneumonia: Pair, normal: Pair, rng: random.Random) -> float:
    """Share of the heat on the pneumonia's side of a picture whose other side is the normal's; NaN without heat.

    Both are framed and exposed alike, so that neither tells the sides apart.
    """
    side = random_side(INPUT_SIZE, rng)
    ill, well = (
        _stretched(resample_randomly(image, rng, random_window(lungs, rng))) for image, lungs in (pneumonia, normal)
    )
    heat = read_with(classifier, _radiograph(half_and_half(ill, well, side))).heatmap()
    total = float(heat.sum())
    return float((heat * side).sum()) / total if total > 0 else np.nan


def _stretched(image: Grey) -> NDArray[np.float32]:
    low, high = np.percentile(image, STRETCH_PERCENTILES)
    return np.clip((image - low) / max(high - low, 1.0), 0.0, 1.0).astype(np.float32)


def _grey(path: Path) -> Grey:
    return np.asarray(resample(load_radiograph(path).pixels) * 255).astype(np.uint8)


def _mask(path: Path) -> Grey:
    return np.where(resample(load_radiograph(path).pixels) > 0.5, 255, 0).astype(np.uint8)


def _radiograph(pixels: NDArray[np.floating]) -> Radiograph:
    return Radiograph(pixels.astype(np.float32), CHANGED)


def figures(tests: ShortcutTests) -> dict[str, Estimate]:
    """For the model's card."""
    return {
        f"{test.name}: {name}": figure
        for test in tests.changes
        for name, figure in (
            ("AUC", test.auc),
            ("sensitivity", test.confusion.sensitivity),
            ("specificity", test.confusion.specificity),
        )
    } | {"half a pneumonia, half a normal: heat on the pneumonia's side": tests.heat_on_side}


def describe(model: str, split: Split, tests: ShortcutTests) -> str:
    """The table that the command line prints."""
    lines = [f"{model} · children · {split} · at the operating point"]
    for test in tests.changes:
        lines += [
            f"  {test.name}",
            f"    AUC          {test.auc.decimal}",
            f"    sensitivity  {test.confusion.sensitivity.percent}",
            f"    specificity  {test.confusion.specificity.percent}",
        ]
    lines += ["  half a pneumonia, half a normal", f"    heat on the pneumonia's side  {tests.heat_on_side.percent}"]
    return "\n".join(lines)

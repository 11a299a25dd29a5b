"""Does the model look at the lungs, and does it stand what happens to files? One split, changed in one way after the
other, at the operating point that was fixed on it unchanged."""

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

from pulmoscan.classifier import load_classifier
from pulmoscan.errors import DatasetError
from pulmoscan.metrics import Confusion, Figure, Scores
from pulmoscan.preprocessing import INPUT_SIZE, resample
from pulmoscan.radiograph import Radiograph, load_radiograph
from pulmoscan.screening import read_with
from pulmoscan.training.augmentation import resample_randomly
from pulmoscan.training.datasets import Split, load_dataset, select
from pulmoscan.training.framing import cropped_mask, random_window
from pulmoscan.training.lung_guidance import soft_lung_mask

Grey = NDArray[np.uint8]
Change = Callable[[Grey, Grey], Grey]
"""A radiograph and its lung mask, uint8 [224, 224] each, to the changed radiograph."""

MIDDLE_GREY = 110.0


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


@dataclass(frozen=True, eq=False)
class ShortcutTest:
    """What one change did to AUC, sensitivity and specificity."""

    name: str
    auc: Figure
    confusion: Confusion


def shortcut_tests(model: str, data: Path, split: Split) -> list[ShortcutTest]:
    """Every change on the children's radiographs of a split that have a lung mask.

    Raises:
        ModelError: the model cannot be used.
        DatasetError: the data holds no lung masks.
    """
    classifier = load_classifier(model)
    examples = [e for e in select(load_dataset(data), split, "child") if e.lung_mask]
    if not examples:
        raise DatasetError(f"{data} holds no lung_masks224 folder for the {split} split.")
    threshold = classifier.card.thresholds["child"]
    loaded = [load_radiograph(e.path) for e in examples]
    images = [(resample(r.pixels) * 255).astype(np.uint8) for r in loaded]
    masks = [
        np.where(resample(load_radiograph(e.lung_mask).pixels) > 0.5, 255, 0).astype(np.uint8)
        for e in examples
        if e.lung_mask
    ]
    tests = []
    for name, change in CHANGES.items():
        probabilities = [
            read_with(classifier, Radiograph(np.divide(change(i, m), 255, dtype=np.float32), r.source)).probability
            for i, m, r in tqdm(zip(images, masks, loaded, strict=True), desc=name, total=len(images), disable=None)
        ]
        scores = Scores.of([e.label for e in examples], probabilities)
        tests.append(ShortcutTest(name, scores.auc, scores.at(threshold)))
    return tests


def figures(tests: Sequence[ShortcutTest]) -> dict[str, Figure]:
    """For the model's card."""
    return {
        f"{test.name}: {name}": figure
        for test in tests
        for name, figure in (
            ("AUC", test.auc),
            ("sensitivity", test.confusion.sensitivity),
            ("specificity", test.confusion.specificity),
        )
    }


def describe(model: str, split: Split, tests: Sequence[ShortcutTest]) -> str:
    """The table that the command line prints."""
    lines = [f"{model} · children · {split} · at the operating point"]
    for test in tests:
        lines += [
            f"  {test.name}",
            f"    AUC          {test.auc.decimal}",
            f"    sensitivity  {test.confusion.sensitivity.percent}",
            f"    specificity  {test.confusion.specificity.percent}",
        ]
    return "\n".join(lines)

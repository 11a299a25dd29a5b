"""Readings of a dataset's examples, and how true their heatmaps are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image
from tqdm import tqdm

from pulmoscan.models.card import HeatMethod
from pulmoscan.models.classifier import Classifier
from pulmoscan.models.preprocessing import INPUT_SIZE
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.screening import Reading, read_with
from pulmoscan.statistics.metrics import Scores
from pulmoscan.training.data.datasets import Example


@dataclass(frozen=True, eq=False)
class Scored:
    """An example and what the model found in it."""

    example: Example
    reading: Reading

    def heat_inside_lungs(self, method: HeatMethod | None = None) -> float:
        """Share of the heat inside the lung mask, in [0, 1]; NaN without a mask or without heat."""
        if self.example.lung_mask is None:
            return math.nan
        mask = np.asarray(Image.open(self.example.lung_mask).convert("L")) > 127
        return _share(self.reading.heatmap(mask.shape[0], mask.shape[1], method), mask)

    def heat_inside_boxes(self, method: HeatMethod | None = None) -> float:
        """Share of the heat inside the radiologists' boxes, in [0, 1]; NaN without boxes or without heat."""
        if not self.example.boxes:
            return math.nan
        return _share(self.reading.heatmap(INPUT_SIZE, INPUT_SIZE, method), self._box_mask())

    def peak_inside_boxes(self, method: HeatMethod | None = None) -> bool:
        """Whether the hottest point lies inside a radiologist's box."""
        # Upsampled unclipped, lest a plateau at full strength hide where the peak is.
        evidence = self.reading.evidence[method or self.reading.card.heat_method]
        seen = self._box_mask()[self.reading.field_of_view.within(INPUT_SIZE, INPUT_SIZE)]
        peak = cv2.resize(evidence, seen.shape[::-1], interpolation=cv2.INTER_CUBIC).argmax()
        return bool(seen.flat[peak])

    def _box_mask(self) -> np.ndarray:
        mask = np.zeros((INPUT_SIZE, INPUT_SIZE), dtype=bool)
        for x, y, width, height in self.example.boxes:
            left, top = round(x * INPUT_SIZE), round(y * INPUT_SIZE)
            mask[top : round((y + height) * INPUT_SIZE), left : round((x + width) * INPUT_SIZE)] = True
        return mask


def score(classifier: Classifier, examples: Sequence[Example]) -> list[Scored]:
    """Read every example, with a progress bar."""
    return [
        Scored(example, read_with(classifier, load_radiograph(example.path)))
        for example in tqdm(examples, desc=f"{classifier.spec.name}: reading", unit="image", disable=None)
    ]


def scores_of(scored: Sequence[Scored]) -> Scores:
    """Their probabilities by reference standard, with the file names."""
    return Scores.of(
        [s.example.label for s in scored],
        [s.reading.probability for s in scored],
        [s.example.path.name for s in scored],
    )


def _share(heat: np.ndarray, mask: np.ndarray) -> float:
    total = float(heat.sum())
    return float(heat[mask].sum()) / total if total > 0 else math.nan

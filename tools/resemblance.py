"""How much one radiograph resembles another, once aligned: shows that a generated one is nobody's."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pulmoscan.training.data.datasets import Example
from tools.alignment import HEIGHT, LUNG_BOX, WIDTH, Image, detail, find_flow, follow
from tools.sources import read_source

SIZE = (WIDTH // 2, HEIGHT // 2)
"""Compared at 224 pixels' width: above that, noise would make even a copy look different."""

NEAREST = 12
"""Radiographs that are registered densely to find the nearest: the most alike by plain correlation."""


def resemblance(image: Image, other: Image) -> float:
    """Correlation, -1 to 1, of the detail (ribs, vessels, edges) inside the lungs' box after dense alignment.

    Args:
        image, other: [320, 448] in the common frame.
    """
    fixed, moving = detail(image), detail(other)
    seen = follow(moving, find_flow(fixed, moving))
    left, top, right, bottom = (edge // 2 for edge in LUNG_BOX)
    first, second = (
        cv2.resize(d, SIZE, interpolation=cv2.INTER_AREA)[top:bottom, left:right].ravel() for d in (fixed, seen)
    )
    return float(np.corrcoef(first, second)[0, 1])


@dataclass(frozen=True)
class Library:
    """Radiographs to find the nearest in.

    Products of their `vectors` float16 [N, D], of unit length, are correlations, aligned by the lung masks alone.
    """

    examples: tuple[Example, ...]
    vectors: NDArray[np.float16]

    def nearest(self, image: Image, but: str = "") -> tuple[Example, float]:
        """The radiograph of any patient `but` that one that resembles an image [320, 448] most, and how much.

        Raises:
            ValueError: there is none.
        """
        alike = self.vectors.astype(np.float32) @ _unit_vector(image)
        others = [i for i in np.argsort(-alike, kind="stable") if self.examples[i].patient != but][:NEAREST]
        found = [(self.examples[i], resemblance(image, _framed(self.examples[i]))) for i in others]
        return max(found, key=lambda pair: pair[1])


def library(examples: Iterable[Example]) -> Library:
    """Of all that have a lung mask."""
    with_mask = tuple(example for example in examples if example.lung_mask)
    with ThreadPoolExecutor() as pool:
        vectors = list(pool.map(_outline, with_mask))
    return Library(with_mask, np.stack(vectors))


def _outline(example: Example) -> NDArray[np.float16]:
    return _unit_vector(_framed(example)).astype(np.float16)


def _framed(example: Example) -> Image:
    """The radiograph's small copy, which every one has, in the common frame, wherever its own edges lie."""
    source = example.lung_mask and read_source(example, example.path, example.lung_mask, min_coverage=0)
    assert source
    return source.pixels


def _unit_vector(image: Image) -> NDArray[np.float32]:
    left, top, right, bottom = (edge // 2 for edge in LUNG_BOX)
    small = cv2.resize(image, SIZE, interpolation=cv2.INTER_AREA)[top:bottom, left:right].ravel()
    centred = small - small.mean()
    return np.asarray(centred / np.linalg.norm(centred), dtype=np.float32)

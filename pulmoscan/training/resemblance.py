"""How much one radiograph resembles another, once aligned: shows that a composite reproduces nobody's."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from pulmoscan.training.alignment import HEIGHT, LUNG_BOX, WIDTH, Image, detail, find_flow, follow

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


def nearest(image: Image, others: Sequence[Image], always: Sequence[int] = ()) -> tuple[int, float]:
    """Index and resemblance of the one of `others` that resembles the image most.

    Args:
        always: indices that are compared in any case, such as a composite's own members.
    """
    alike = plain_correlations(image, others)
    chosen = sorted({*np.argsort(-alike, kind="stable")[:NEAREST].tolist(), *always})
    return max(((i, resemblance(image, others[i])) for i in chosen), key=lambda pair: pair[1])


def plain_correlations(image: Image, others: Sequence[Image]) -> NDArray[np.float64]:
    """Correlation of the image with each of `others` inside the lungs' box, aligned by the lung masks alone."""
    vectors = np.stack([_unit_vector(other) for other in (image, *others)])
    return np.asarray(vectors[1:] @ vectors[0], dtype=np.float64)


def _unit_vector(image: Image) -> NDArray[np.float32]:
    left, top, right, bottom = (edge // 2 for edge in LUNG_BOX)
    small = cv2.resize(image, SIZE, interpolation=cv2.INTER_AREA)[top:bottom, left:right].ravel()
    centred = small - small.mean()
    return np.asarray(centred / np.linalg.norm(centred), dtype=np.float32)

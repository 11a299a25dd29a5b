"""Framing: how large the lungs stand in the picture must not tell normal from pneumonia.

In Kermany's training split the lungs of normals span 70 % of the picture's height, those of pneumonias 83 %; in its
test split both span more than 80 %. A model that sees pictures as they come learns the framing, and fails where it
changes. So every training view is cropped to a window around the lungs whose size does not depend on the class.
"""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pulmoscan.preprocessing import INPUT_SIZE

Window = tuple[float, float, float, float]
"""Left, upper, right, lower, as fractions of the picture."""

WHOLE: Window = (0.0, 0.0, 1.0, 1.0)
HEIGHT_SHARE = (0.82, 0.98)
WIDTH_SHARE = (0.74, 0.94)
"""Share of the window that the lungs shall span. Most pictures can be cropped to it; nothing is padded."""

EDGE_SHARE = 0.002
"""Share of the lungs' area that may lie outside their extent on each side, as specks of a mask do."""


def random_window(lungs: NDArray[np.uint8], rng: random.Random) -> Window:
    """A window that holds the lungs, from a mask [H, W] (0 or 255); the whole picture where the mask is empty."""
    left, right = _extent(lungs, axis=0)
    upper, lower = _extent(lungs, axis=1)
    if right <= left or lower <= upper:
        return WHOLE
    x0, x1 = _around(left, right, rng.uniform(*WIDTH_SHARE), rng)
    y0, y1 = _around(upper, lower, rng.uniform(*HEIGHT_SHARE), rng)
    return x0, y0, x1, y1


def cropped_mask(lungs: NDArray[np.uint8], window: Window) -> NDArray[np.uint8]:
    """The window of a mask [H, W], as [224, 224] of 0 and 255."""
    image = Image.fromarray(lungs)
    box = (window[0] * image.width, window[1] * image.height, window[2] * image.width, window[3] * image.height)
    resized = np.asarray(image.resize((INPUT_SIZE, INPUT_SIZE), Image.Resampling.BILINEAR, box=box))
    return np.where(resized > 127, 255, 0).astype(np.uint8)


def _extent(lungs: NDArray[np.uint8], axis: int) -> tuple[float, float]:
    profile = np.cumsum((lungs > 127).sum(axis=axis), dtype=np.float64)
    if profile[-1] == 0:
        return 0.0, 0.0
    first = np.searchsorted(profile, EDGE_SHARE * profile[-1])
    last = np.searchsorted(profile, (1 - EDGE_SHARE) * profile[-1]) + 1
    return float(first) / len(profile), float(last) / len(profile)


def _around(low: float, high: float, share: float, rng: random.Random) -> tuple[float, float]:
    """An interval within [0, 1] that holds [low, high] and is `(high - low) / share` long, or the longest there is."""
    length = min(1.0, (high - low) / share)
    start = rng.uniform(max(0.0, high - length), min(low, 1.0 - length))
    return start, start + length

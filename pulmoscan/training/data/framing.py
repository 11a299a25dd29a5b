"""Framing: how large the lungs stand in the picture must not tell normal from pneumonia.

In Kermany's training split the lungs of normals span less of the picture's height than those of pneumonias; in its
test split they hardly differ. A model that sees pictures as they come learns the framing, and fails where it changes.
So every training view is cropped to a window around the lungs whose size does not depend on the class.

    python -m pulmoscan.training.data.framing --data DATA/kermany   # how high the lungs stand, by split and class
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pulmoscan.models.preprocessing import INPUT_SIZE
from pulmoscan.training.data.datasets import Example, load_dataset

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


def lung_heights(examples: Sequence[Example]) -> Mapping[str, Sequence[float]]:
    """Share of the picture's height that the lungs span, of every example with a mask, by split and class."""
    found = defaultdict(list)
    for example in examples:
        if example.lung_mask:
            with Image.open(example.lung_mask) as mask:
                upper, lower = _extent(np.asarray(mask.convert("L")), axis=1)
            found[f"{example.split}, {'pneumonia' if example.label else 'normal'}"].append(lower - upper)
    return found


def main() -> None:
    """Print how much of the picture's height the lungs span, by split and class."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the Kermany folder, with lung_masks224")
    for group, heights in lung_heights(load_dataset(parser.parse_args().data)).items():
        low, middle, high = (100 * np.percentile(heights, share) for share in (25, 50, 75))
        print(f"{group}: median {middle:.0f} %, quartiles {low:.0f} and {high:.0f} %, n = {len(heights)}")


if __name__ == "__main__":
    main()

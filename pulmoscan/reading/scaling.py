"""A picture at a smaller size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def at_most(pixels: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """float32 [H, W] with no side longer than that: averages where it shrinks, the same pixels where it need not."""
    factor = side / max(pixels.shape)
    if factor >= 1:
        return pixels
    smaller = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return smaller.astype(np.float32, copy=False)

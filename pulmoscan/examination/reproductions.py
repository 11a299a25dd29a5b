"""Photographs of a screen, and screenshots of a black viewer: what a radiograph does not have. Both are warned of.

Each measure is a function of the pixels, float32 [H, W] in [0, 1], and depends on no absolute grey value.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from pulmoscan.reading.scaling import at_most

Pixels = NDArray[np.float32]

WINDOW, SMALLEST_WINDOW = 512, 200  # pixels a side of the middle part whose spectrum is looked at
BAND = (0.08, 0.5)  # cycles per pixel: below is anatomy
NEAR_AXIS = 0.7
"""Degrees. The shadow of an anti-scatter grid is as regular, and lies along an axis; hardly any photograph does."""
BLOCK = 8  # pixels a side of JPEG's blocks, whose own peaks lie at multiples of their frequency
AROUND = 31  # bins that a peak is compared with

SIGNS_SIDE = 640  # pixels of the longer side
INK, DARK = 0.25, 0.08  # of the picture's spread: a sign is brighter, and what is around it darker
SMALLEST_SIGN, LARGEST_SIGN = 4, 0.12  # pixels; share of a side
RING = 3  # pixels around a sign


def screen_grid(pixels: Pixels) -> float:
    """How far the strongest regular pattern stands out of the spectrum's surroundings, in units of log power.

    A screen's pixels, or their beat with the camera's, make a narrow peak away from the axes. 0 where a picture is too
    small to tell.
    """
    side = min(WINDOW, *pixels.shape)
    if side < SMALLEST_WINDOW:
        return 0.0
    top, left = ((length - side) // 2 for length in pixels.shape)
    part = pixels[top : top + side, left : left + side]
    window, looked_at = _window(side)
    detail = (part - cv2.GaussianBlur(part, (0, 0), 3)) * window
    power = np.fft.fftshift(np.abs(np.fft.rfft2(detail)) ** 2, axes=0)
    log_power = cv2.GaussianBlur(np.log(power + 1e-12).astype(np.float32), (0, 0), 0.7)
    return float((log_power - cv2.blur(log_power, (AROUND, AROUND)))[looked_at].max())


@lru_cache(maxsize=2)
def _window(side: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """What the part is multiplied with, [side, side], and which frequencies are looked at, [side, side // 2 + 1]."""
    taper = np.hanning(side).astype(np.float32)
    down = np.fft.fftshift(np.fft.fftfreq(side))[:, None]
    across = np.fft.rfftfreq(side)[None]
    radius = np.hypot(down, across)
    small, large = np.minimum(abs(down), across), np.maximum(abs(down), across)
    slanted = small > np.tan(np.radians(NEAR_AXIS)) * large
    width = 2.5 / side
    of_blocks = [abs(f * BLOCK - np.round(f * BLOCK)) / BLOCK < width for f in (down, across)]
    on_the_lattice = of_blocks[0] & of_blocks[1]
    return np.outer(taper, taper), (radius > BAND[0]) & (radius < BAND[1]) & slanted & ~on_the_lattice


def signs_on_black(pixels: Pixels) -> int:
    """How many small, bright signs lie each on plain black: a viewer's buttons and words, or text that is burnt in."""
    small = at_most(pixels, SIGNS_SIDE)
    low, high = float(small.min()), float(np.percentile(small, 99))
    small = (small - low) / np.float32(max(high - low, 1e-6))
    height, width = small.shape
    bright = (small > INK).astype(np.uint8)
    near_bright = cv2.dilate(bright, np.ones((2 * RING - 1, 2 * RING - 1), np.uint8)) > 0
    _, _, boxes, _ = cv2.connectedComponentsWithStats(bright, connectivity=8)
    count = 0
    for x, y, w, h, area in boxes[1:]:
        if area < SMALLEST_SIGN or w > LARGEST_SIGN * width or h > LARGEST_SIGN * height:
            continue
        around = np.s_[max(0, y - RING) : y + h + RING, max(0, x - RING) : x + w + RING]
        ring = small[around][~near_bright[around]]
        count += ring.size > RING and bool(np.median(ring) < DARK and np.percentile(ring, 90) < 2 * DARK)
    return count

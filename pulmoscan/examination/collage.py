"""Several pictures in one, and screenshots: what straight lines from edge to edge tell of float32 [H, W] in [0, 1].

No measure depends on absolute grey values: a dim film is judged as a bright one.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]

PLAIN_LINE = 2 / 255
"""Standard deviation of the grey values of a line up to which it is plain, as a share of the picture's spread. No
dataset's radiographs have one inside."""

SMALLEST_PART = 0.2
"""Share of a picture's height or width that must lie on either side of a line: a caption is no second picture."""

SMALLEST_FILM = 0.25
"""The same for a line without a gap: nearer the edge a collimator's shadow may be as straight."""

SPREAD = (1.0, 99.0)  # percentiles
SEAM_SIDE = 448  # pixels of the longer side that seams are looked for at
SEAM = 0.35
"""Share of a line along which it is the steepest step around for a seam between two films."""
STEP = 0.02  # of the spread; less is noise
NEAR, FAR = 3, 7  # pixels: a step is compared with those at these distances
STEEPER = 1.5


def is_composed(pixels: Pixels) -> bool:
    """Whether several pictures were put together, with a gap or without one."""
    return is_divided(pixels) or max(seams(pixels)) > SEAM


def is_divided(pixels: Pixels) -> bool:
    """Whether a plain line from edge to edge parts a picture in two, as the gaps of a collage do."""
    plain = PLAIN_LINE * spread(pixels)
    for lines in (pixels, pixels.T):
        structured = lines.std(axis=1) > plain
        before = np.cumsum(structured)
        least = SMALLEST_PART * len(lines)
        if (~structured & (before >= least) & (before[-1] - before >= least)).any():
            return True
    return False


def spread(pixels: Pixels) -> float:
    """Range of the middle 98 % of the grey values."""
    step = max(1, max(pixels.shape) // SEAM_SIDE)
    low, high = np.percentile(pixels[::step, ::step], SPREAD)
    return float(high - low)


def seams(pixels: Pixels) -> tuple[float, float]:
    """The straightest step across the picture and down it: shares of their length in [0, 1] (see `steepness`)."""
    factor = min(1.0, SEAM_SIDE / max(pixels.shape))
    small = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1 else pixels
    small = small / np.float32(max(spread(pixels), 1e-6))
    found = []
    for lines in (small, small.T):
        shares = steepness(lines)
        length = len(shares)
        inner = shares[int(SMALLEST_FILM * length) : int(np.ceil((1 - SMALLEST_FILM) * length))]
        found.append(float(inner.max(initial=0.0)))
    return found[0], found[1]


def steepness(lines: Pixels) -> NDArray[np.float32]:
    """For each line of [N, L], the share of its length along which the step there is the steepest around.

    Edges of the body are straight for a short way only; where two films meet the step runs from edge to edge.
    """
    step = np.zeros_like(lines)
    step[1:-1] = np.abs(lines[2:] - lines[:-2])
    around = np.zeros_like(lines)
    for distance in range(NEAR, FAR + 1):
        around[distance:] = np.maximum(around[distance:], step[:-distance])
        around[:-distance] = np.maximum(around[:-distance], step[distance:])
    return np.asarray((step > STEEPER * around + STEP).mean(axis=1), dtype=np.float32)


TOOLBAR_EDGE = 0.5
"""Share of a line along which it must be the steepest step around for the edge of a toolbar or a panel."""
TOOLBAR_DEPTHS = (0.02, 0.3)  # of the picture's height or width
BACKGROUND = 0.03  # grey values that differ by less from a toolbar's commonest are its background
TOOLBAR_BACKGROUND = (0.5, 0.995)  # share of its pixels; the rest are signs
DARKEST_TOOLBAR = 0.06
"""A band as dark as the film's own black is its border, with letters burnt in."""


def has_toolbars(pixels: Pixels) -> bool:
    """Whether a viewer's toolbar or panel lies along a side: a band of one grey, with signs, and a straight edge."""
    factor = min(1.0, SEAM_SIDE / max(pixels.shape))
    small = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1 else pixels
    small = (small - small.min()) / np.float32(max(np.ptp(small), 1e-6))
    return any(_has_band(lines) for lines in (small, small[::-1], small.T, small.T[::-1]))


def _has_band(lines: Pixels) -> bool:
    """Along the first of the lines."""
    shares = steepness(lines)
    first, last = (int(depth * len(lines)) for depth in TOOLBAR_DEPTHS)
    for edge in np.flatnonzero(shares[first : last + 1] > TOOLBAR_EDGE) + first:
        band = lines[: max(1, edge - 1)]
        counts = np.bincount((band * 63).astype(np.intp).ravel(), minlength=64)
        commonest = (int(counts.argmax()) + 0.5) / 64
        background = float((np.abs(band - commonest) < BACKGROUND).mean())
        low, high = TOOLBAR_BACKGROUND
        if commonest > DARKEST_TOOLBAR and low < background < high:
            return True
    return False

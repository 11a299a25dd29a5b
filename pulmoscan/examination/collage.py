"""Several pictures in one, and screenshots: what straight lines from edge to edge tell of float32 [H, W] in [0, 1].

No measure depends on absolute grey values: a dim film is judged as a bright one.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pulmoscan.reading.scaling import at_most

Pixels = NDArray[np.float32]

PLAIN_LINE = 2 / 255
"""Standard deviation of the grey values of a line up to which it is plain, as a share of the picture's spread. No
dataset's radiographs have one inside."""

SMALLEST_PART = 0.2
"""Share of a picture's height or width that must lie on either side of a line: a caption is no second picture."""

SMALLEST_FILM = 0.25
"""The same for a line without a gap: nearer the edge a collimator's shadow may be as straight."""

SPREAD = (1.0, 99.0)  # percentiles
LINES_SIDE = 448  # pixels of the longer side that lines are looked for at
SEAM = 0.35
"""Share of a line along which it is the steepest step around for a seam between two films."""
STRUCTURE = 0.05  # standard deviation, in units of the spread, of a line through a picture
STEP = 0.02  # of the spread; less is noise
NEAR, FAR = 3, 7  # pixels: a step is compared with those at these distances
STEEPER = 1.5

TOOLBAR_EDGE = 0.5
"""Share of a line along which it must be the steepest step around for the edge of a toolbar or a panel."""
TOOLBAR_DEPTHS = (0.03, 0.3)  # of the picture's height or width
BACKGROUND = 0.012  # of the spread: values that differ by less from a toolbar's commonest are its background
LEAST_BACKGROUND = 0.5  # share of a toolbar's pixels
SIGN_CONTRAST, LEAST_SIGNS = 0.2, 0.005  # of the spread, and share of a toolbar's pixels
DARKEST_TOOLBAR = 0.06
"""A band as dark as the film's own black is its border, with letters burnt in."""

Finding = Literal["collage", "screenshot"]


def find(pixels: Pixels) -> Finding | None:
    """Whether several pictures were put together, with a gap or without, or a viewer's toolbars were taken along."""
    if is_divided(pixels):
        return "collage"
    lines = Lines(pixels)
    if max(lines.seams) > SEAM:
        return "collage"
    return "screenshot" if lines.has_toolbars else None


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
    step = max(1, max(pixels.shape) // LINES_SIDE)
    low, high = np.percentile(pixels[::step, ::step], SPREAD)
    return float(high - low)


class Lines:
    """The straight lines from edge to edge of one picture, seen at up to `LINES_SIDE` pixels a side.

    Attributes:
        seams: the straightest step across the inner part of the picture and down it, as shares of their length in
            [0, 1] (see `steepness`).
        has_toolbars: whether along a side lies a band of one grey, with signs in it, and a straight edge.
    """

    def __init__(self, pixels: Pixels) -> None:
        small = at_most(pixels, LINES_SIDE)
        self._across = (small - small.min()) / np.float32(max(spread(pixels), 1e-6))
        self._down = np.ascontiguousarray(self._across.T)
        self._shares = steepness(self._across), steepness(self._down)

    @property
    def seams(self) -> tuple[float, float]:
        pairs = zip((self._across, self._down), self._shares, strict=True)
        across, down = (_seam(lines, shares) for lines, shares in pairs)
        return across, down

    @property
    def has_toolbars(self) -> bool:
        return any(
            _has_band(lines[::turn], shares[::turn])
            for lines, shares in zip((self._across, self._down), self._shares, strict=True)
            for turn in (1, -1)
        )


def _seam(lines: Pixels, shares: NDArray[np.float32]) -> float:
    """The largest of the shares that has pictures on both sides: beyond a collimator's edge nothing is."""
    structured = np.cumsum(lines.std(axis=1) > STRUCTURE)
    least = SMALLEST_PART * len(lines)
    inner = slice(int(SMALLEST_FILM * len(lines)), int(np.ceil((1 - SMALLEST_FILM) * len(lines))))
    between = (structured >= least) & (structured[-1] - structured >= least)
    return float(np.where(between, shares, 0)[inner].max(initial=0.0))


def steepness(lines: Pixels) -> NDArray[np.float32]:
    """For each line of [N, L], in units of the spread, the share of its length where the step there is the steepest.

    Edges of the body are straight for a short way only; where two films meet the step runs from edge to edge.
    """
    step = np.zeros_like(lines)
    step[1:-1] = np.abs(lines[2:] - lines[:-2])
    around = cv2.dilate(step, _around(), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray((step > STEEPER * around + STEP).mean(axis=1), dtype=np.float32)


@lru_cache(maxsize=1)
def _around() -> NDArray[np.uint8]:
    """Which lines a step is compared with."""
    kernel = np.ones((2 * FAR + 1, 1), np.uint8)
    kernel[FAR - NEAR + 1 : FAR + NEAR] = 0
    return kernel


def _has_band(lines: Pixels, shares: NDArray[np.float32]) -> bool:
    """Along the first of the lines."""
    first, last = (int(depth * len(lines)) for depth in TOOLBAR_DEPTHS)
    for edge in np.flatnonzero(shares[first : last + 1] > TOOLBAR_EDGE) + first:
        band = np.clip(lines[: max(1, edge - 1)], 0, 1)
        counts = np.bincount((band * 63).astype(np.intp).ravel(), minlength=64)
        commonest = (int(counts.argmax()) + 0.5) / 63
        away = np.abs(band - commonest)
        signs = float((away > SIGN_CONTRAST).mean())
        if commonest > DARKEST_TOOLBAR and float((away < BACKGROUND).mean()) > LEAST_BACKGROUND and signs > LEAST_SIGNS:
            return True
    return False

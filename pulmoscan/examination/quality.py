"""Quality of a radiograph: what a reader should know of the picture itself. Warnings, never refusals.

Each measure is a function of the pixels, float32 [H, W] in [0, 1], or of the lungs, bool [224, 224] (`ChestView.mask`).
Each limit was set so that next to none of the validation radiographs as they come is warned of;
`python -m pulmoscan quality` measures that, and how many degraded ones are found (docs/lungs-and-gate.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pulmoscan.examination.reproductions import screen_grid, signs_on_black
from pulmoscan.models import preprocessing
from pulmoscan.models.preprocessing import INPUT_SIZE
from pulmoscan.reading.radiograph import PHOTOGRAPH
from pulmoscan.reading.scaling import at_most

DefectKind = Literal[
    "low resolution",
    "compression",
    "blur",
    "low contrast",
    "clipped",
    "cut off",
    "tilted",
    "oblique",
    "wide",
    "border",
    "text",
    "photograph",
    "signs",
]
Pixels = NDArray[np.float32]
Mask = NDArray[np.bool_]

SMALLEST_SIDE = 224
"""Pixels of the shorter side: below the model input's own size detail is missing."""

LARGEST_BLOCKINESS = 1.7
SMALLEST_SHARPNESS = 0.42
SMALLEST_CONTRAST = 0.19
LARGEST_CLIPPED = 0.08
LARGEST_CUT = 0.6
LARGEST_TILT = 13.0  # degrees
LARGEST_WIDTH_RATIO = 1.35
SMALLEST_LUNGS = 0.17
LARGEST_BORDER = 0.14
LARGEST_LETTERING = 0.005
LARGEST_GRID = 5.2
MOST_SIGNS = 9

COMPRESSION_WINDOW = 1024  # pixels a side; the block grid of a part tells that of the whole
BLOCK = 8  # pixels a side of JPEG's blocks (ITU-T T.81)
THINNED_SIDE = 512  # pixels of the longer side that suffice for counting grey values
STEP_FLOOR = 0.1 / 255  # keeps the ratio of two flat parts at 1
FINE_SIGMA = 0.7  # of the finest of the three scales that sharpness compares, in pixels of the model input
RIM = 20  # pixels of the model input: what lies so near the edge is often a border
WHITE, BLACK = 254 / 255, 1 / 255
CONSTANT_LINE = 4 / 255  # a line whose middle 96 % of values lie within this is part of a border
SMALLEST_LOBE = 0.2  # of the larger one's area
FEWEST_ROWS = 20  # of the mask, in which both lungs must lie for their widths to be compared
TEXT_SIDE = 640  # pixels of the longer side that lettering is looked for at
STROKE = 0.03  # strokes are thinner than this share of the longer side
STROKE_CONTRAST = 0.4


@dataclass(frozen=True)
class Defect:
    """What a radiograph's quality leaves to be desired, with what it means or what to do."""

    kind: DefectKind
    message: str


def check(pixels: Pixels, lungs: Mask) -> tuple[Defect, ...]:
    """The defects of one radiograph. Those that need to know where the lungs are are left out where there are none."""
    found = list(_of_pixels(pixels))
    if lungs.any():
        found += _of_lungs(pixels, lungs)
    return tuple(found)


def _of_pixels(pixels: Pixels) -> Iterator[Defect]:
    height, width = pixels.shape
    if min(height, width) < SMALLEST_SIDE:
        yield Defect(
            "low resolution",
            f"The image has only {width} × {height} pixels: fine detail is missing. Use the original radiograph.",
        )
    if blockiness(pixels) > LARGEST_BLOCKINESS:
        yield Defect(
            "compression",
            "The image was compressed so much that JPEG's blocks show. Use the original, or a copy of higher quality.",
        )
    if sharpness(pixels) < SMALLEST_SHARPNESS:
        yield Defect("blur", "The image is blurred: fine detail is missing. Use the original radiograph.")
    if (share := border(pixels)) > LARGEST_BORDER:
        yield Defect(
            "border",
            f"A plain border takes up to {100 * share:.0f} % of a side, so the chest is shown smaller than the model "
            "knows it. Crop the border away.",
        )
    if screen_grid(pixels) > LARGEST_GRID:
        yield Defect("photograph", PHOTOGRAPH)
    if (count := signs_on_black(pixels)) > MOST_SIGNS:
        yield Defect(
            "signs",
            f"{count} small signs stand on black beside the radiograph, as a viewer's buttons or burnt-in text do. "
            "They can mislead the model, and may name the patient: export the radiograph itself from the viewer.",
        )


def _of_lungs(pixels: Pixels, lungs: Mask) -> Iterator[Defect]:
    height, width = pixels.shape
    if contrast(pixels, lungs) < SMALLEST_CONTRAST:
        yield Defect(
            "low contrast", "The chest has very little contrast. Export the radiograph with its proper window."
        )
    if clipped(pixels, lungs) > LARGEST_CLIPPED:
        yield Defect(
            "clipped",
            "Parts of the chest are plain black or plain white: detail was cut off there. Export the radiograph with a "
            "wider window.",
        )
    if cut_off(lungs) > LARGEST_CUT:
        yield Defect(
            "cut off", "The lungs reach beyond the edge of the image. Use the uncropped radiograph, if there is one."
        )
    if abs(angle := tilt(lungs, width / height)) > LARGEST_TILT:
        yield Defect(
            "tilted",
            f"The chest looks tilted by about {abs(angle):.0f}° {'clockwise' if angle > 0 else 'counter-clockwise'}. "
            "Turn it upright.",
        )
    if (ratio := width_ratio(lungs)) > LARGEST_WIDTH_RATIO:
        yield Defect(
            "oblique",
            f"One lung looks {100 * (ratio - 1):.0f} % wider than the other: the patient may be turned to a side "
            "(oblique), unless disease takes a part of a lung. Compare a straight view, if there is one.",
        )
    # A border that is warned of says the same.
    if (share := float(lungs.mean())) < SMALLEST_LUNGS and border(pixels) <= LARGEST_BORDER:
        yield Defect(
            "wide",
            f"The lungs take only {100 * share:.0f} % of the picture, less than in those that the model knows. Crop it "
            "to the chest.",
        )
    if lettering(pixels, lungs) > LARGEST_LETTERING:
        yield Defect(
            "text",
            "Lettering or drawing seems to lie over the lungs, or a device with sharp, bright edges. It can mislead "
            "the model: use an image without annotations.",
        )


def blockiness(pixels: Pixels) -> float:
    """Grey steps across the lines of JPEG's 8 × 8 grid, over the steps elsewhere; 1 where no grid shows.

    The grid may lie anywhere, as after a crop. It must show in both directions.
    """
    height, width = pixels.shape
    top, left = max(0, height - COMPRESSION_WINDOW) // 2, max(0, width - COMPRESSION_WINDOW) // 2
    window = pixels[top : top + COMPRESSION_WINDOW, left : left + COMPRESSION_WINDOW]
    return min(_grid_ratio(window), _grid_ratio(window.T))


def _grid_ratio(window: Pixels) -> float:
    steps = np.abs(np.diff(window, axis=0)).mean(axis=1)
    # The median over the grid's lines: one sharp edge along the picture is no grid.
    by_phase = np.array([np.median(steps[phase::BLOCK]) for phase in range(BLOCK)]) + STEP_FLOOR
    strongest = by_phase.argmax()
    return float(by_phase[strongest] / np.median(np.delete(by_phase, strongest)))


def sharpness(pixels: Pixels) -> float:
    """Strength of the finest detail that the model can see, over that of detail twice as coarse.

    Measured at the model input's size: what is lost beyond that does not reach the model anyway.
    """
    grey = preprocessing.resample(pixels)
    fine, middle, coarse = (cv2.GaussianBlur(grey, (0, 0), factor * FINE_SIGMA) for factor in (1, 2, 4))
    inner = np.s_[RIM:-RIM, RIM:-RIM]
    finer, coarser = np.abs(fine - middle)[inner].mean(), np.abs(middle - coarse)[inner].mean()
    return float(finer / coarser) if coarser > 0 else 0.0


def border(pixels: Pixels) -> float:
    """The thickest plain border along a side, as a share of the picture's height or width, in [0, 1]."""
    thinned = _thinned(pixels)
    shares = []
    for lines in (thinned, thinned.T):
        low, high = np.percentile(lines, (2, 98), axis=1)
        structured = np.flatnonzero(high - low > CONSTANT_LINE)
        if not structured.size:
            return 1.0
        shares += [structured[0] / len(lines), 1 - (structured[-1] + 1) / len(lines)]
    return float(max(shares))


def contrast(pixels: Pixels, lungs: Mask) -> float:
    """Range of the middle 98 % of the grey values around the lungs, in [0, 1]."""
    low, high = np.percentile(_around(pixels, lungs), (1, 99))
    return float(high - low)


def clipped(pixels: Pixels, lungs: Mask) -> float:
    """Share of plain white or plain black around the lungs, whichever is larger, in [0, 1]."""
    chest = _around(pixels, lungs)
    return float(max((chest >= WHITE).mean(), (chest <= BLACK).mean()))


def cut_off(lungs: Mask) -> float:
    """Length of the lungs along one edge of the picture, over the square root of their area; 0 where none touches."""
    edges = (lungs[0], lungs[-1], lungs[:, 0], lungs[:, -1])
    return max(int(edge.sum()) for edge in edges) / float(np.sqrt(lungs.sum()))


def tilt(lungs: Mask, aspect: float) -> float:
    """Angle in degrees by which the chest is tilted, clockwise positive.

    Args:
        aspect: the radiograph's width over its height, which the mask's shape does not tell.
    """
    return float(np.mean([_lean(lobe, aspect) for lobe in lobes(lungs)]))


def width_ratio(lungs: Mask) -> float:
    """How many times as wide as the other one lung is, in the middle of the rows in which both lie; at least 1.

    Turning the patient about the long axis brings the heart before one lung: that one narrows, the other widens.
    """
    one, other = (lobe.sum(axis=1) for lobe in lobes(lungs))
    both = (one > 0) & (other > 0)
    if both.sum() < FEWEST_ROWS:
        return 1.0
    return float(np.exp(abs(np.median(np.log(one[both] / other[both])))))


def lobes(lungs: Mask) -> tuple[Mask, Mask]:
    """Left and right lung: the two large parts where there are two, the two halves of the lungs' extent otherwise."""
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(lungs.astype(np.uint8))
    areas = statistics[1:, cv2.CC_STAT_AREA]
    first, *others = np.argsort(-areas)
    if others and areas[others[0]] > SMALLEST_LOBE * areas[first]:
        return labels == first + 1, labels == others[0] + 1
    columns = np.flatnonzero(lungs.any(axis=0))
    on_the_left = np.arange(lungs.shape[1]) < (columns[0] + columns[-1] + 1) / 2
    return lungs & on_the_left, lungs & ~on_the_left


def _lean(lobe: Mask, aspect: float) -> float:
    """Angle in degrees between a lobe's long axis and the vertical, clockwise positive."""
    y, x = (coordinates - coordinates.mean() for coordinates in np.nonzero(lobe))
    x = x * aspect
    return float(np.degrees(0.5 * np.arctan2(-2 * (x * y).mean(), (y * y).mean() - (x * x).mean())))


def lettering(pixels: Pixels, lungs: Mask) -> float:
    """Share of the lungs that thin, bright strokes cover, in [0, 1]."""
    small = at_most(pixels, TEXT_SIDE)
    stroke = max(3, round(STROKE * max(small.shape)))
    strokes = cv2.morphologyEx(small, cv2.MORPH_TOPHAT, np.ones((stroke, stroke), np.uint8)) > STROKE_CONTRAST
    inside = cv2.resize(lungs.astype(np.uint8), small.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    return float(strokes[inside].mean())


def _around(pixels: Pixels, lungs: Mask) -> Pixels:
    """The part of the picture that the lungs span, heart and spine included, thinned."""
    rows, columns = (np.flatnonzero(lungs.any(axis=axis)) for axis in (1, 0))
    down, across = (length / INPUT_SIZE for length in pixels.shape)
    top, left = int(rows[0] * down), int(columns[0] * across)
    return _thinned(pixels[top : int(np.ceil((rows[-1] + 1) * down)), left : int(np.ceil((columns[-1] + 1) * across))])


def _thinned(pixels: Pixels) -> Pixels:
    """Every n-th pixel: as good for counting grey values, and quick at any size."""
    step = max(1, max(pixels.shape) // THINNED_SIDE)
    return pixels[::step, ::step]

"""Bring radiographs of different patients into one frame: lungs onto lungs, then ribs onto ribs.

Images are float32 [H, W] = [320, 448] in the common frame. A flow is float32 [H, W, 2]: for each pixel of the fixed
image, the offset (x, y) in pixels to its counterpart in the moving one.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
Flow = NDArray[np.float32]

WIDTH, HEIGHT = 448, 320
LUNG_BOX = (62, 46, 386, 274)
"""Where the lungs' bounding box comes to lie: left, top, right, bottom. One frame for both classes, because the
data's pneumonias are cropped closer than its normals, and a crop should not tell the class."""

MAX_TILT = 12.0
"""Degrees; a larger tilt of the line between the lungs is anatomy or a faulty mask, not posture."""

DETAIL_SIGMA = 14.0
FLOW_SIGMA = 5.0
FILL_SIGMA = 12.0

ROUNDS = 4
TEMPLATE_SHARE = 0.4
"""Of all images, those that fit a round's template best make the next one."""

INVERSION_STEPS = 8

_GRID = np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), axis=-1).astype(np.float32)


@dataclass(frozen=True)
class Alignment:
    """`flows` float16 [N, H, W, 2], from the shape that all share to each image; `fits` [N], each one's correlation."""

    flows: NDArray[np.float16]
    fits: NDArray[np.float64]


def lung_affine(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The affine map [2, 3] that levels the lungs of a mask [H, W] and brings their bounding box onto `LUNG_BOX`."""
    height, width = mask.shape
    _, _, stats, centres = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    lungs = np.argsort(-stats[1:, cv2.CC_STAT_AREA])[:2] + 1
    tilt = 0.0
    if len(lungs) == 2:
        (left_x, left_y), (right_x, right_y) = sorted(centres[lungs].tolist())
        tilt = float(np.clip(np.degrees(np.arctan2(right_y - left_y, right_x - left_x)), -MAX_TILT, MAX_TILT))
    rotation = cv2.getRotationMatrix2D((width / 2, height / 2), tilt, 1.0)
    rows, columns = np.nonzero(mask)
    points = np.c_[columns, rows] @ rotation[:, :2].T + rotation[:, 2]
    # Percentiles, since a mask may have a stray speck.
    (x0, y0), (x1, y1) = np.percentile(points, [0.5, 99.5], axis=0)
    left, top, right, bottom = LUNG_BOX
    scale_x, scale_y = (right - left) / (x1 - x0), (bottom - top) / (y1 - y0)
    scale = np.array([[scale_x, 0, left - scale_x * x0], [0, scale_y, top - scale_y * y0]])
    return np.asarray(scale @ np.vstack([rotation, [0, 0, 1]]))


def to_frame(pixels: Image, affine: NDArray[np.float64]) -> tuple[Image, float]:
    """An image of any size in the common frame, and the share of the frame that it covers.

    What lies beyond the image's edge goes on smoothly from it.
    """
    moved = cv2.warpAffine(pixels, affine, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(np.ones_like(pixels), affine, (WIDTH, HEIGHT))
    sure = np.asarray(cv2.erode(inside, np.ones((5, 5))), dtype=np.float32)
    weight = blur(sure, 2.0) * (inside > 0)
    fill = blur(np.asarray(moved, dtype=np.float32), FILL_SIGMA)
    return np.asarray(moved * weight + fill * (1 - weight), dtype=np.float32), float(inside.mean())


def blur(image: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Gaussian low-pass of an image or a flow; sigma in pixels."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), dtype=np.float32)


def detail(image: Image) -> Image:
    """Edges and texture at equal strength everywhere: local mean 0, local standard deviation about 1."""
    fine = image - blur(image, DETAIL_SIGMA)
    return np.asarray(fine / np.sqrt(blur(fine * fine, DETAIL_SIGMA) + 1e-4), dtype=np.float32)


def find_flow(fixed: Image, moving: Image, smoothness: float = FLOW_SIGMA) -> Flow:
    """The flow from one detail image to another, without jumps: anatomy bends, but does not tear."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setFinestScale(1)
    search.setPatchSize(16)
    search.setPatchStride(4)
    search.setVariationalRefinementIterations(20)
    search.setVariationalRefinementAlpha(40.0)
    start = np.zeros((*fixed.shape, 2), dtype=np.float32)
    flow = search.calc(_to_bytes(fixed), _to_bytes(moving), start)
    return blur(np.asarray(flow, dtype=np.float32), smoothness)


def follow(image: NDArray[np.float32], flow: Flow) -> NDArray[np.float32]:
    """The moving image (or flow) [H, W] or [H, W, 2] as seen from the fixed one."""
    x, y = cv2.split(_GRID + flow)
    seen = cv2.remap(image, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, dtype=np.float32)


def lung_correlation(first: Image, second: Image) -> float:
    """Pearson's correlation of two images inside `LUNG_BOX`."""
    left, top, right, bottom = LUNG_BOX
    a, b = (image[top:bottom, left:right].ravel() for image in (first, second))
    return float(np.corrcoef(a, b)[0, 1])


def invert(flow: Flow) -> Flow:
    """The flow back: `follow(follow(image, flow), invert(flow))` is the image again, but for what left the frame."""
    back = -flow
    for _ in range(INVERSION_STEPS):
        back = -follow(flow, back)
    return back


def align_to_mean_shape(details: Sequence[Image], start: int, rounds: int = ROUNDS) -> Alignment:
    """Find the shape that all share, from one member's on, and the flow from it to each.

    Each round takes the mean of those that fit best, moved into their mean shape, as the next round's template.

    Args:
        details: detail images [N][320, 448].
        start: the member whose shape the first round takes.
    """
    template = details[start]
    for turn in range(rounds):
        with ThreadPoolExecutor() as pool:
            found = list(pool.map(partial(_register, template), details))
        fits = np.array([fit for _, fit in found])
        flows = [flow for flow, _ in found]
        if turn < rounds - 1:
            best = np.flatnonzero(fits >= np.quantile(fits, 1 - TEMPLATE_SHARE)).tolist()
            mean_flow = np.mean([flows[i].astype(np.float32) for i in best], axis=0)
            seen = [follow(follow(details[i], flows[i].astype(np.float32)), -mean_flow) for i in best]
            template = detail(np.asarray(np.mean(seen, axis=0), dtype=np.float32))
    return Alignment(np.stack(flows), fits)


def _register(template: Image, image: Image) -> tuple[NDArray[np.float16], float]:
    flow = find_flow(template, image)
    return flow.astype(np.float16), lung_correlation(template, follow(image, flow))


def _to_bytes(image: Image) -> NDArray[np.uint8]:
    return np.clip(128 + 48 * image, 0, 255).astype(np.uint8)

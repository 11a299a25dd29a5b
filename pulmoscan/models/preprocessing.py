"""Radiograph -> model input: the only place that resizes or normalises.

A radiograph at full size and a small copy of it must score alike, although resampling and JPEG leave different
fine grain in the two. Hence the three steps, the same for training, evaluation, the command line and the pages:

1. `resample`: squash to 224 × 224 with an antialiasing (triangle) filter;
2. `standardise`: low-pass by a Gaussian of one pixel, which removes what only resampling and JPEG left there, then
   stretch the 1st to 99th percentile to [0, 1], which takes out exposure, windowing and unused bits;
3. `normalise`: three equal channels with ImageNet's mean and standard deviation.

Training augments between steps 1 and 2.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

INPUT_SIZE = 224
"""Height and width of the model input, in pixels."""

LOW_PASS_SIGMA = 1.0
"""Standard deviation of the low-pass filter, in pixels of the model input."""

STRETCH_PERCENTILES = (1.0, 99.0)

FLAT = 1e-6
"""A range below this is rounding error, not a picture: one step of 16 bits is 1.5e-5."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

TOGETHER = 16
"""Columns of the model input that are computed in one product; a divisor of its side."""


def resample(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squash float32 [H, W] in [0, 1] to [224, 224], antialiased; the aspect ratio is not kept."""
    height, width = pixels.shape
    if (height, width) == (INPUT_SIZE, INPUT_SIZE):
        return pixels
    source = np.ascontiguousarray(pixels, dtype=np.float32)
    first, last, weights = _triangles(height)
    rows = np.empty((INPUT_SIZE, width), dtype=np.float32)
    for i in range(INPUT_SIZE):
        np.dot(weights[i, first[i] : last[i]], source[first[i] : last[i]], out=rows[i])
    first, last, weights = _triangles(width)
    done = np.empty((INPUT_SIZE, INPUT_SIZE), dtype=np.float32)
    for i in range(0, INPUT_SIZE, TOGETHER):
        near = slice(first[i], last[i + TOGETHER - 1])
        done[:, i : i + TOGETHER] = rows[:, near] @ weights[i : i + TOGETHER, near].T
    return done


@lru_cache(maxsize=8)
def _triangles(length: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Where each pixel of the model input begins and ends along an axis, and each pixel's share in it, [224, length].

    The same weights as Pillow's `Resampling.BILINEAR`, whose result `resample` equals to the seventh decimal. Products
    with the few entries that are not zero are several times as quick on full-size radiographs.
    """
    step = length / INPUT_SIZE
    support = max(step, 1.0)
    centres = (np.arange(INPUT_SIZE) + 0.5) * step
    first = np.maximum((centres - support + 0.5).astype(np.intp), 0)
    last = np.minimum((centres + support + 0.5).astype(np.intp), length)
    weights = np.zeros((INPUT_SIZE, length), dtype=np.float32)
    for i, centre in enumerate(centres):
        own = np.maximum(1 - np.abs((np.arange(first[i], last[i]) + 0.5 - centre) / support), 0)
        weights[i, first[i] : last[i]] = own / own.sum()
    return first, last, weights


def standardise(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Low-pass and stretch float32 [224, 224] of any range to float32 [224, 224] in [0, 1]."""
    smooth = cv2.GaussianBlur(grey, (0, 0), LOW_PASS_SIGMA)
    low, high = np.percentile(smooth, STRETCH_PERCENTILES)
    if high - low < FLAT:
        return np.zeros_like(smooth)
    return np.clip((smooth - low) / (high - low), 0.0, 1.0, dtype=np.float32)


def normalise(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Standardised grey [N, 224, 224] in [0, 1] to the model input [N, 3, 224, 224], float32."""
    mean, std = (np.array(values, dtype=np.float32).reshape(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (grey[:, None] - mean) / std


def model_input(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """All three steps for one radiograph: float32 [H, W] in [0, 1] -> float32 [1, 3, 224, 224]."""
    return normalise(standardise(resample(pixels))[None])


PROBE = 16
"""Rows and columns of the model input that `fingerprint` looks at."""


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """Sixteen digits that change with what the steps compute, and not with the machine or the code's wording.

    A fixed made-up picture goes through them; its values are rounded so coarsely that none lies near an edge.
    """
    return hashlib.sha256(np.round(probe() / PROBE_STEP).astype(np.int8).tobytes()).hexdigest()[:16]


PROBE_STEP = 0.05


def probe() -> NDArray[np.float32]:
    """What `fingerprint` rounds: float32 [16, 16] of the standardised picture."""
    y, x = np.mgrid[0:331, 0:280]
    picture = ((x * 131 + y * 57 + (x * y) % 97 * 11) % 256 / 255).astype(np.float32)
    every = INPUT_SIZE // PROBE
    return standardise(resample(picture))[every // 2 :: every, every // 2 :: every]

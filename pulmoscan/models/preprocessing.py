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

from functools import lru_cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

INPUT_SIZE = 224
"""Height and width of the model input, in pixels."""

LOW_PASS_SIGMA = 1.0
"""Standard deviation of the low-pass filter, in pixels of the model input."""

STRETCH_PERCENTILES = (1.0, 99.0)

FLAT = 1e-6
"""A range below this is rounding error, not a picture: one step of 16 bits is 1.5e-5."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def resample(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squash float32 [H, W] in [0, 1] to [224, 224], antialiased; the aspect ratio is not kept."""
    height, width = pixels.shape
    if (height, width) == (INPUT_SIZE, INPUT_SIZE):
        return pixels
    rows = _triangles(height) @ np.ascontiguousarray(pixels, dtype=np.float32)
    return np.asarray(rows @ _triangles(width).T.toarray(), dtype=np.float32)


@lru_cache(maxsize=32)
def _triangles(length: int) -> csr_array:
    """[224, length]: what each pixel along an axis gives to each of the model input.

    The same weights as Pillow's `Resampling.BILINEAR`, whose result it equals to the seventh decimal. A product with
    few entries a row is several times as quick on full-size radiographs.
    """
    step = length / INPUT_SIZE
    support = max(step, 1.0)
    centres = (np.arange(INPUT_SIZE) + 0.5) * step
    first = np.maximum((centres - support + 0.5).astype(int), 0)
    last = np.minimum((centres + support + 0.5).astype(int), length)
    columns = [np.arange(a, b) for a, b in zip(first, last, strict=True)]
    weights = [np.maximum(1 - np.abs((c + 0.5 - x) / support), 0) for c, x in zip(columns, centres, strict=True)]
    return csr_array(
        (
            np.concatenate([w / w.sum() for w in weights]).astype(np.float32),
            np.concatenate(columns),
            np.concatenate([[0], np.cumsum(last - first)]),
        ),
        shape=(INPUT_SIZE, length),
    )


def standardise(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Low-pass and stretch float32 [224, 224] of any range to float32 [224, 224] in [0, 1]."""
    smooth = cv2.GaussianBlur(grey, (0, 0), LOW_PASS_SIGMA)
    low, high = np.percentile(smooth, STRETCH_PERCENTILES)
    if high - low < FLAT:
        return np.zeros_like(smooth)
    return np.clip((smooth - low) / (high - low), 0.0, 1.0, dtype=np.float32)


def normalise(grey: torch.Tensor) -> torch.Tensor:
    """Standardised grey [N, 224, 224] in [0, 1] to the model input [N, 3, 224, 224], float32."""
    mean = torch.tensor(IMAGENET_MEAN, device=grey.device).view(1, 3, 1, 1)
    std = torch.tensor(IMAGENET_STD, device=grey.device).view(1, 3, 1, 1)
    return (grey.unsqueeze(1) - mean) / std


def model_input(pixels: NDArray[np.float32]) -> torch.Tensor:
    """All three steps for one radiograph: float32 [H, W] in [0, 1] -> float32 [1, 3, 224, 224]."""
    return normalise(torch.from_numpy(standardise(resample(pixels))).unsqueeze(0))

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

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

INPUT_SIZE = 224
"""Height and width of the model input, in pixels."""

LOW_PASS_SIGMA = 1.0
"""Standard deviation of the low-pass filter, in pixels of the model input."""

STRETCH_PERCENTILES = (1.0, 99.0)
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def resample(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squash float32 [H, W] in [0, 1] to [224, 224], antialiased; the aspect ratio is not kept."""
    if pixels.shape == (INPUT_SIZE, INPUT_SIZE):
        return pixels
    image = Image.fromarray(np.ascontiguousarray(pixels, dtype=np.float32))
    return np.asarray(image.resize((INPUT_SIZE, INPUT_SIZE), Image.Resampling.BILINEAR), dtype=np.float32)


def standardise(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Low-pass and stretch float32 [224, 224] of any range to float32 [224, 224] in [0, 1]."""
    smooth = cv2.GaussianBlur(grey, (0, 0), LOW_PASS_SIGMA)
    low, high = np.percentile(smooth, STRETCH_PERCENTILES)
    if high <= low:
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

"""Feature map + head -> class-activation map -> heatmap and overlay.

No hooks: the head alone is differentiated, with respect to the feature map (`heads.PooledHead.gradient`), so nothing
that other sessions share is touched. The gradient equals autograd's, through the whole network, at that layer.

Maps are in log-odds: what each feature cell added to the logit. Heatmaps show them against an absolute reference, not
against their own maximum, so a weak map looks weak.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

COLOUR_MAP = cv2.COLORMAP_PLASMA
"""Matplotlib's “plasma”, of which OpenCV has a copy: perceptually uniform, and without a grey, so that no colour of it
can be taken for the radiograph's own."""


def grad_cam(feature_map: NDArray[np.float32], gradient: NDArray[np.float32]) -> NDArray[np.float32]:
    """Grad-CAM (Selvaraju et al. 2017, doi 10.1109/ICCV.2017.74): [N, C, H, W] -> [N, H, W], at least 0."""
    weights = gradient.mean(axis=(2, 3), keepdims=True)
    return np.maximum((weights * feature_map).sum(axis=1), 0)


def hires_cam(feature_map: NDArray[np.float32], gradient: NDArray[np.float32]) -> NDArray[np.float32]:
    """HiResCAM (Draelos and Carin 2020, arXiv 2011.08891): [N, C, H, W] -> [N, H, W], at least 0.

    Before a pooled linear head, each cell's exact share of the log-odds, where that share is positive.
    """
    return np.maximum((gradient * feature_map).sum(axis=1), 0)


def heatmap(evidence: NDArray[np.float32], reference: float, height: int, width: int) -> NDArray[np.float32]:
    """Upsample a map bicubically to the radiograph's size.

    Args:
        evidence: [H, W] feature cells, log-odds per cell.
        reference: log-odds per cell that shows at full strength.

    Returns:
        float32 [height, width] in [0, 1]; bicubic over- and undershoot is clipped.
    """
    # Bicubic interpolation is linear and separable: two small matrix products, quicker than resizing the picture.
    rows, columns = evidence.shape
    scaled = np.asarray(evidence, dtype=np.float32) / np.float32(reference)
    heat = (_interpolation(rows, height) @ scaled) @ _interpolation(columns, width).T
    return np.clip(heat, 0.0, 1.0, out=heat)


def overlay(pixels: NDArray[np.float32], heat: NDArray[np.float32], opacity: float) -> NDArray[np.uint8]:
    """Paint a heatmap over a radiograph.

    Where there is no heat the radiograph stays as it is; elsewhere colour covers it in proportion to the heat.

    Args:
        pixels: [H, W] in [0, 1].
        heat: [H, W] in [0, 1].
        opacity: of the strongest heat, in [0, 1].

    Returns:
        uint8 RGB [H, W, 3].
    """
    grey = cv2.convertScaleAbs(pixels, alpha=255)
    # The square root lifts middling heat, which would else drown in the radiograph's own greys.
    level = cv2.convertScaleAbs(cv2.sqrt(heat), alpha=255)
    both = cv2.merge((grey, level)).view("<u2")[..., 0]
    painted = _palette(opacity).take(both).view(np.uint8).reshape(*pixels.shape, 4)
    return np.asarray(cv2.cvtColor(painted, cv2.COLOR_RGBA2RGB), dtype=np.uint8)


def colours(heat: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The colour of each strength of heat: [N] in [0, 1] -> uint8 RGB [N, 3]."""
    level = np.minimum(256 * heat, 255).astype(np.uint8)[:, None]
    return np.asarray(cv2.cvtColor(cv2.applyColorMap(level, COLOUR_MAP), cv2.COLOR_BGR2RGB)[:, 0], dtype=np.uint8)


@lru_cache(maxsize=64)
def _interpolation(cells: int, length: int) -> NDArray[np.float32]:
    """[length, cells]: what each cell adds to each pixel along one axis."""
    unit = cv2.resize(np.eye(cells, dtype=np.float32), (cells, length), interpolation=cv2.INTER_CUBIC)
    return np.asarray(unit, dtype=np.float32)


@lru_cache(maxsize=32)
def _palette(opacity: float) -> NDArray[np.uint32]:
    """The colour of every grey under every heat, [65536] of packed RGBA bytes: entry grey + 256 · 255 · √heat."""
    level = np.linspace(0, 1, 256)
    colour = colours(level**2)[:, None] / 255
    alpha = opacity * level[:, None, None]
    mixed = level[None, :, None] * (1 - alpha) + colour * alpha
    packed = np.full((256, 256, 4), 255, dtype=np.uint8)
    packed[..., :3] = np.round(255 * np.clip(mixed, 0, 1))
    return packed.view(np.uint32).reshape(-1)

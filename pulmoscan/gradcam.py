"""Feature map + head -> class-activation map -> heatmap and overlay.

No hooks: the head alone is differentiated, with respect to a copy of the feature map, so nothing that other sessions
share is touched. The gradient equals the one that differentiating the whole network gives at that layer.

Maps are in log-odds: what each of the 7 × 7 feature cells added to the logit. Heatmaps show them against an absolute
reference, not against their own maximum, so a weak map looks weak.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import matplotlib
import numpy as np
import torch
from numpy.typing import NDArray

COLOUR_MAP = "plasma"
"""Perceptually uniform, and without a grey: no colour of it can be taken for the radiograph's own."""


def head_gradient(feature_map: torch.Tensor, head: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """Gradient of each logit with respect to its feature map: [N, C, 7, 7] -> [N, C, 7, 7]."""
    with torch.enable_grad():
        local = feature_map.detach().clone().requires_grad_()
        (gradient,) = torch.autograd.grad(head(local).sum(), local)
    return gradient


def grad_cam(feature_map: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    """Grad-CAM (Selvaraju et al. 2017, doi 10.1109/ICCV.2017.74): [N, C, 7, 7] -> [N, 7, 7], at least 0."""
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    return torch.relu((weights * feature_map).sum(dim=1))


def hires_cam(feature_map: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    """HiResCAM (Draelos and Carin 2020, arXiv 2011.08891): [N, C, 7, 7] -> [N, 7, 7], at least 0.

    Before a pooled linear head, each cell's exact share of the log-odds, where that share is positive.
    """
    return torch.relu((gradient * feature_map).sum(dim=1))


def heatmap(evidence: NDArray[np.float32], reference: float, height: int, width: int) -> NDArray[np.float32]:
    """Upsample a map bicubically to the radiograph's size.

    Args:
        evidence: [7, 7], log-odds per cell.
        reference: log-odds per cell that shows at full strength.

    Returns:
        float32 [height, width] in [0, 1]; bicubic over- and undershoot is clipped.
    """
    scaled = np.asarray(evidence, dtype=np.float32) / np.float32(reference)
    return np.clip(cv2.resize(scaled, (width, height), interpolation=cv2.INTER_CUBIC), 0.0, 1.0)


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
    table = matplotlib.colormaps[COLOUR_MAP](np.linspace(0, 1, 256))[:, :3].astype(np.float32)
    colour = table[(heat * 255).astype(np.uint8)]
    # The square root lifts middling heat, which would else drown in the radiograph's own greys.
    alpha = (opacity * np.sqrt(heat))[..., None]
    grey = np.repeat(pixels[..., None], 3, axis=2)
    return (np.clip(grey * (1 - alpha) + colour * alpha, 0, 1) * 255 + 0.5).astype(np.uint8)

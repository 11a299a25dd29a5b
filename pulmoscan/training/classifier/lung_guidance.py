"""Lung-guided training: what lies outside the lungs must not decide.

Two measures, both only where a lung mask is known: the background is replaced in more than half of the samples, and
the loss asks of positives that the class-activation map lie inside the lungs, or where there are boxes inside these.
"""

from __future__ import annotations

import random

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from pulmoscan.models.networks import Network

DILATION = 13  # pixels of the model input: the pleura and the hilum belong to what may be seen
FEATHER_SIGMA = 5.0


def soft_lung_mask(mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Binary mask [224, 224] (0 or 255) -> dilated, blurred mask in [0, 1]."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (DILATION, DILATION))
    dilated = cv2.dilate(mask, kernel).astype(np.float32) / 255
    return cv2.GaussianBlur(dilated, (0, 0), FEATHER_SIGMA).astype(np.float32)


def random_background(other: NDArray[np.uint8], rng: random.Random) -> NDArray[np.uint8]:
    """A constant grey, smooth noise or another radiograph, uint8 [224, 224]."""
    kind = rng.randrange(3)
    if kind == 0:
        return np.full_like(other, rng.randrange(256))
    if kind == 1:
        cells = rng.randint(2, 12)
        noise = np.array([rng.randrange(256) for _ in range(cells * cells)], dtype=np.uint8)
        size = (other.shape[1], other.shape[0])
        return cv2.resize(noise.reshape(cells, cells), size, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    return other


def replace_background(
    image: NDArray[np.uint8], lungs: NDArray[np.float32], background: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Blend `image` inside the soft lung mask with `background` outside it."""
    return (image * lungs + background * (1 - lungs)).astype(np.uint8)


def attention_loss(
    network: Network, feature_map: torch.Tensor, targets: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Mean share of the positive evidence that lies outside where it may lie, over positives for which that is known.

    Args:
        feature_map: [N, C, 14, 14].
        targets: how much of each cell may hold evidence [N, 14, 14] in [0, 1]; all zero where it is not known.
        labels: [N], 1 pneumonia, 0 normal.
    """
    counted = (labels > 0.5) & (targets.sum(dim=(1, 2)) > 0)
    if not counted.any():
        return feature_map.new_zeros((), dtype=torch.float32)
    activations = network.head.activate(feature_map[counted]).float()
    evidence = functional.relu(torch.einsum("nchw,c->nhw", activations, network.linear.weight[0].float()))
    inside = (evidence * targets[counted]).sum(dim=(1, 2))
    return (1 - inside / (evidence.sum(dim=(1, 2)) + 1e-6)).mean()

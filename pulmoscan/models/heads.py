"""What lies behind the feature map: all of a network that Grad-CAM differentiates, and all that a page holds of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional


@dataclass(frozen=True, eq=False)
class Head:
    """Rectification where the feature map still needs it, pooling, one linear layer.

    Attributes:
        linear: C -> 1.
        rectifies: whether feature maps come with values below zero.
    """

    linear: nn.Linear
    rectifies: bool

    def activate(self, feature_map: torch.Tensor) -> torch.Tensor:
        """Feature map -> the rectified activations [N, C, 7, 7] that are pooled."""
        return functional.relu(feature_map) if self.rectifies else feature_map

    def __call__(self, feature_map: torch.Tensor) -> torch.Tensor:
        """Feature map [N, C, 7, 7] -> logit [N]."""
        return self.linear(self.activate(feature_map).mean(dim=(2, 3))).squeeze(1)


LINEAR_LAYERS = {"norm5": "classifier", "layer4": "fc"}
"""By feature layer, torchvision's name of the layer behind it."""


def load_head(feature_layer: str, weights: Mapping[str, torch.Tensor]) -> Head:
    """The frozen head behind `norm5`, a batch normalisation, or `layer4`, which ends in a ReLU.

    Args:
        weights: the network's, by torchvision's names.

    Raises:
        KeyError: the weights hold no such layer.
    """
    name = LINEAR_LAYERS[feature_layer]
    state = {part: weights[f"{name}.{part}"].float() for part in ("weight", "bias")}
    linear = nn.Linear(state["weight"].shape[1], 1, device="meta")
    linear.load_state_dict(state, assign=True)
    return Head(linear.requires_grad_(False), rectifies=feature_layer == "norm5")

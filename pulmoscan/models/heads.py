"""What lies behind the feature map, in NumPy: all of a network that explaining a decision needs beside that map.

Rectification where the feature map still needs it, pooling, one linear layer: so small a function that its gradient has
a closed form, and no PyTorch is needed to screen. `networks.Head` is the same in PyTorch, for training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class PooledHead:
    """The head of a trained network.

    Attributes:
        weight: float32 [C], of the linear layer C -> 1.
        bias: its bias.
        rectifies: whether feature maps come with values below zero.
    """

    weight: Array
    bias: float
    rectifies: bool

    def __call__(self, feature_map: Array) -> Array:
        """Feature map [N, C, H, W] -> logit [N]."""
        activations = np.maximum(feature_map, 0) if self.rectifies else feature_map
        return np.asarray(activations.mean(axis=(2, 3)) @ self.weight + np.float32(self.bias), dtype=np.float32)

    def gradient(self, feature_map: Array) -> Array:
        """Gradient of each logit with respect to its feature map [N, C, H, W]; the same shape, float32.

        Of the channel c it is w_c / (H · W), and where the head rectifies, 0 at cells that are not above zero.
        """
        height, width = feature_map.shape[2:]
        each = (self.weight / np.float32(height * width))[:, None, None]
        if self.rectifies:
            return np.multiply(feature_map > 0, each, dtype=np.float32)
        return np.broadcast_to(each, feature_map.shape)


LINEAR_LAYERS = {"norm5": "classifier", "layer4": "fc"}
"""By feature layer, torchvision's name of the layer behind it."""


def load_head(feature_layer: str, weights: Mapping[str, NDArray[np.generic]]) -> PooledHead:
    """The head behind `norm5`, a batch normalisation, or `layer4`, which ends in a ReLU.

    Args:
        weights: the network's, by torchvision's names.

    Raises:
        KeyError: the weights hold no such layer.
    """
    name = LINEAR_LAYERS[feature_layer]
    weight, bias = (weights[f"{name}.{part}"].astype(np.float32) for part in ("weight", "bias"))
    return PooledHead(weight[0], float(bias[0]), rectifies=feature_layer == "norm5")

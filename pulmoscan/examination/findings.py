"""What the lung network's outputs mean; the same names for PyTorch's tensors in training and NumPy's arrays after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Array = TypeVar("Array", NDArray[np.float32], "torch.Tensor")


@dataclass(frozen=True, eq=False)
class Findings(Generic[Array]):
    """What the network says of N pictures, as logits.

    Attributes:
        lungs: [N, 224, 224], above 0 inside the lungs.
        chest: [N], above 0 for a frontal chest radiograph, however it is turned.
        whole: [N], above 0 where both lungs are in the picture.
        inverted: [N], above 0 where bone is dark.
        side: [N], above 0 for a side view of the chest.
        turns: [N, 4], by how many quarter turns counter-clockwise the picture was turned.
        mahalanobis: [N], distance of the bottleneck's mean features from those of chest radiographs (Mahalanobis,
            divided by the square root of their number: 1 is usual).
    """

    lungs: Array
    chest: Array
    whole: Array
    inverted: Array
    side: Array
    turns: Array
    mahalanobis: Array

    @classmethod
    def of(cls, outputs: tuple[Array, Array, Array]) -> Findings[Array]:
        """Name what `lung_network.LungNetwork.forward` returns."""
        lungs, kinds, mahalanobis = outputs
        return cls(lungs, kinds[:, 0], kinds[:, 1], kinds[:, 2], kinds[:, 3], kinds[:, 4:], mahalanobis)

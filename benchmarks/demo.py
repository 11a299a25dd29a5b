"""The way that demos of this kind usually go, re-created faithfully to be compared with.

On every rerun of the script they predict in eager PyTorch, then run the network a second time, forward and backward,
with hooks on the last convolutional layer (Grad-CAM), stretch the map to its own maximum and blend it by OpenCV.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torchvision
from numpy.typing import NDArray
from PIL import Image
from torch import nn
from torchvision import transforms

from pulmoscan.models.preprocessing import IMAGENET_MEAN, IMAGENET_STD

# DenseNet's last ReLU works in place on the output of norm5, where a hook for the backward pass cannot sit.
TARGET_LAYERS = {"densenet121": "features.denseblock4", "resnet50": "layer4", "resnet18": "layer4"}

TO_INPUT = transforms.Compose(
    [transforms.Resize((224, 224)), transforms.ToTensor(), transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD)]
)


@dataclass(frozen=True, eq=False)
class DemoResult:
    """What a demo shows: uint8 RGB [H, W, 3] of the overlay, and the probability."""

    probability: float
    overlay: NDArray[np.uint8]


class Demo:
    """One model with its hooks, in eager PyTorch.

    Args:
        architecture: a key of `TARGET_LAYERS`.
        state: the weights, by torchvision's names.
    """

    def __init__(self, architecture: str, state: dict[str, torch.Tensor]) -> None:
        self.model = torchvision.models.get_model(architecture, weights=None, num_classes=1)
        self.model.load_state_dict(state)
        self.model.eval()
        self._activations = self._gradients = torch.empty(0)
        layer = self.model.get_submodule(TARGET_LAYERS[architecture])
        layer.register_forward_hook(self._keep_activations)
        layer.register_full_backward_hook(self._keep_gradients)

    def __call__(self, picture: NDArray[np.uint8]) -> DemoResult:
        """Decoded RGB picture [H, W, 3] -> probability and overlay at its size."""
        x = TO_INPUT(Image.fromarray(picture)).unsqueeze(0)
        with torch.no_grad():
            probability = torch.sigmoid(self.model(x)).item()
        heat = cv2.resize(self._grad_cam(x), picture.shape[1::-1])
        colour = cv2.cvtColor(cv2.applyColorMap(np.uint8(255 * heat), cv2.COLORMAP_JET), cv2.COLOR_BGR2RGB)  # type: ignore[call-overload]
        return DemoResult(probability, np.asarray(cv2.addWeighted(colour, 0.4, picture, 0.6, 0), dtype=np.uint8))

    def _grad_cam(self, x: torch.Tensor) -> NDArray[np.float32]:
        logit = self.model(x)
        self.model.zero_grad()
        logit[0].backward()
        weights = self._gradients.mean(dim=(2, 3), keepdim=True)
        cam = torch.relu((weights * self._activations).sum(dim=1))[0].detach().numpy()
        return np.asarray((cam - cam.min()) / (cam.max() - cam.min() + 1e-8))

    def _keep_activations(self, _module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
        self._activations = output

    def _keep_gradients(self, _module: nn.Module, _inputs: object, outputs: tuple[torch.Tensor, ...]) -> None:
        self._gradients = outputs[0]

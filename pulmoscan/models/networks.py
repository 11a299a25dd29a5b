"""The architectures: torchvision backbones split into feature extractor and pooled linear head.

The split is what makes Grad-CAM possible without hooks (see `gradcam`): the head alone is differentiated, with respect
to the feature map, and a model shared by many sessions is never touched.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
import torchvision
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import nn

from pulmoscan.errors import WeightsDamaged
from pulmoscan.models.heads import Head
from pulmoscan.models.registry import ModelSpec


class Network(nn.Module):
    """One radiograph in, one logit out: `forward(x) == head(features(x))`.

    `backbone` keeps torchvision's module names, so torchvision's own weights load into it by name.
    """

    backbone: nn.Module
    rectifies: ClassVar[bool]  # whether its head does, see `Head`

    @abstractmethod
    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Model input [N, 3, 224, 224] -> feature map [N, C, 7, 7]."""

    @property
    @abstractmethod
    def linear(self) -> nn.Linear:
        """The linear layer, C -> 1, behind the pooling."""

    @property
    def early_stages(self) -> tuple[nn.Module, ...]:
        """What works at 28 × 28 cells and finer: edges and textures, alike for most tasks. Training may freeze it."""
        return ()

    @property
    def head(self) -> Head:
        """Feature map [N, C, 7, 7] -> logit [N]."""
        return Head(self.linear, self.rectifies)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x))


class DenseNet(Network):
    """DenseNet-121 (Huang et al. 2017, doi 10.1109/CVPR.2017.243); the feature map is the output of `norm5`.

    norm5 is followed by a ReLU, which torchvision applies in place; here it is out of place and part of the head, so
    that the feature map survives for Grad-CAM.
    """

    backbone: torchvision.models.DenseNet
    rectifies = True

    def __init__(self) -> None:
        super().__init__()
        self.backbone = torchvision.models.densenet121(num_classes=1)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        return self.backbone.features(x)

    @property
    def linear(self) -> nn.Linear:
        return self.backbone.classifier

    @property
    def early_stages(self) -> tuple[nn.Module, ...]:
        f = self.backbone.features
        return (f.conv0, f.norm0, f.denseblock1, f.transition1, f.denseblock2, f.transition2)


class ResNet(Network):
    """ResNet-18 or -50 (He et al. 2016, doi 10.1109/CVPR.2016.90); the feature map is the output of `layer4`."""

    backbone: torchvision.models.ResNet
    rectifies = False  # layer4 ends in a ReLU

    def __init__(self, backbone: torchvision.models.ResNet) -> None:
        super().__init__()
        self.backbone = backbone

    def features(self, x: torch.Tensor) -> torch.Tensor:
        net = self.backbone
        x = net.maxpool(net.relu(net.bn1(net.conv1(x))))
        return net.layer4(net.layer3(net.layer2(net.layer1(x))))

    @property
    def linear(self) -> nn.Linear:
        return self.backbone.fc

    @property
    def early_stages(self) -> tuple[nn.Module, ...]:
        net = self.backbone
        return (net.conv1, net.bn1, net.layer1, net.layer2)


def build_network(architecture: str) -> Network:
    """A network with random weights: `densenet121`, `resnet50` or `resnet18`."""
    if architecture == "densenet121":
        return DenseNet()
    if architecture == "resnet50":
        return ResNet(torchvision.models.resnet50(num_classes=1))
    if architecture == "resnet18":
        return ResNet(torchvision.models.resnet18(num_classes=1))
    raise ValueError(f"unknown architecture: {architecture}")


def load_network(spec: ModelSpec, data: bytes) -> Network:
    """The network with the weights in the safetensors file `data`, loaded strictly and computed in float32.

    Raises:
        WeightsDamaged: it is no such file or does not fit the architecture.
    """
    with torch.device("meta"):  # no time goes into random weights
        network = build_network(spec.architecture)
    try:
        network.backbone.load_state_dict(load_safetensors(data), strict=True, assign=True)
    except (SafetensorError, RuntimeError, ValueError, KeyError) as error:
        raise WeightsDamaged(spec.weights_path, "it does not hold this architecture's weights") from error
    return network.float()


class Parts(nn.Module):
    """A network that gives its feature map beside its logit, both of one pass."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        feature_map = self.network.features(x)
        return self.network.head(feature_map), feature_map

"""The architectures: torchvision backbones split into feature extractor and pooled linear head.

The split is what makes Grad-CAM possible without hooks (see `gradcam`): the head alone is differentiated, with respect
to the feature map, and a model shared by many sessions is never touched.

The last stage keeps the resolution of the one before it, by dilation instead of a stride (Yu et al. 2017,
arXiv:1705.09914): 14 × 14 cells where torchvision has 7 × 7, with the same parameters.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torchvision
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import nn
from torch.nn import functional

from pulmoscan.errors import WeightsDamaged
from pulmoscan.models.heads import PooledHead
from pulmoscan.models.preprocessing import IMAGENET_MEAN, IMAGENET_STD
from pulmoscan.models.registry import ModelSpec


def normalise(grey: torch.Tensor) -> torch.Tensor:
    """As `preprocessing.normalise`, on the tensor's own device: grey [N, 224, 224] -> [N, 3, 224, 224]."""
    mean, std = (torch.tensor(v, device=grey.device).view(1, 3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    return (grey.unsqueeze(1) - mean) / std


@dataclass(frozen=True, eq=False)
class Head:
    """Rectification where the feature map still needs it, pooling, one linear layer; differentiable.

    Attributes:
        linear: C -> 1.
        rectifies: whether feature maps come with values below zero.
    """

    linear: nn.Linear
    rectifies: bool

    def activate(self, feature_map: torch.Tensor) -> torch.Tensor:
        """Feature map -> the rectified activations [N, C, H, W] that are pooled."""
        return functional.relu(feature_map) if self.rectifies else feature_map

    def __call__(self, feature_map: torch.Tensor) -> torch.Tensor:
        """Feature map [N, C, H, W] -> logit [N]."""
        return self.linear(self.activate(feature_map).mean(dim=(2, 3))).squeeze(1)

    def frozen(self) -> PooledHead:
        """The same in NumPy."""
        weight, bias = (p.detach().cpu().float().numpy().copy() for p in (self.linear.weight, self.linear.bias))
        return PooledHead(weight[0], float(bias[0]), self.rectifies)


class Network(nn.Module):
    """One radiograph in, one logit out: `forward(x) == head(features(x))`.

    `backbone` keeps torchvision's module names, so torchvision's own weights load into it by name.
    """

    backbone: nn.Module
    rectifies: ClassVar[bool]  # whether its head does, see `Head`

    @abstractmethod
    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Model input [N, 3, 224, 224] -> feature map [N, C, 14, 14]."""

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
        """Feature map [N, C, 14, 14] -> logit [N]."""
        return Head(self.linear, self.rectifies)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x))


class SplitNetwork(Network):
    """One of ours, whose beginning can be computed by itself: `features(x) == rest(beginning(x))`.

    The beginning is what rounding to bfloat16 would harm most: all that follows goes by it.
    """

    @abstractmethod
    def beginning(self, x: torch.Tensor) -> torch.Tensor:
        """Model input [N, 3, 224, 224] -> activations [N, C, 56, 56]."""

    @abstractmethod
    def rest(self, x: torch.Tensor) -> torch.Tensor:
        """These activations -> feature map [N, C, 14, 14]."""

    def features(self, x: torch.Tensor) -> torch.Tensor:
        return self.rest(self.beginning(x))


EXACT_LAYERS = 3
"""Of the six in DenseNet-121's first dense block, those that belong to its beginning."""


class DenseNet(SplitNetwork):
    """DenseNet-121 (Huang et al. 2017, doi 10.1109/CVPR.2017.243); the feature map is the output of `norm5`.

    norm5 is followed by a ReLU, which torchvision applies in place; here it is out of place and part of the head, so
    that the feature map survives for Grad-CAM.
    """

    backbone: torchvision.models.DenseNet
    rectifies = True

    def __init__(self) -> None:
        super().__init__()
        self.backbone = torchvision.models.densenet121(num_classes=1)
        self.backbone.features.transition3.pool = nn.Identity()
        _dilate(self.backbone.features.denseblock4)

    def beginning(self, x: torch.Tensor) -> torch.Tensor:
        f = self.backbone.features
        return _dense(list(f.denseblock1.values())[:EXACT_LAYERS], f.pool0(f.relu0(f.norm0(f.conv0(x)))))

    def rest(self, x: torch.Tensor) -> torch.Tensor:
        f = self.backbone.features
        x = _dense(list(f.denseblock1.values())[EXACT_LAYERS:], x)
        x = f.denseblock3(f.transition2(f.denseblock2(f.transition1(x))))
        return f.norm5(f.denseblock4(f.transition3(x)))

    @property
    def linear(self) -> nn.Linear:
        return self.backbone.classifier

    @property
    def early_stages(self) -> tuple[nn.Module, ...]:
        f = self.backbone.features
        return (f.conv0, f.norm0, f.denseblock1, f.transition1, f.denseblock2, f.transition2)


def _dense(layers: Sequence[nn.Module], x: torch.Tensor) -> torch.Tensor:
    """Part of a dense block: each layer sees what went in and what all layers before it gave."""
    seen = [x]
    for layer in layers:
        seen.append(layer(seen))
    return torch.cat(seen, dim=1)


class ResNet(SplitNetwork):
    """ResNet-18 or -50 (He et al. 2016, doi 10.1109/CVPR.2016.90); the feature map is the output of `layer4`."""

    backbone: torchvision.models.ResNet
    rectifies = False  # layer4 ends in a ReLU

    def __init__(self, backbone: torchvision.models.ResNet) -> None:
        super().__init__()
        self.backbone = backbone
        for module in backbone.layer4.modules():
            if isinstance(module, nn.Conv2d) and module.stride == (2, 2):
                module.stride = (1, 1)
            elif isinstance(module, nn.Conv2d):  # all that come behind the stride
                _dilate(module)

    def beginning(self, x: torch.Tensor) -> torch.Tensor:
        net = self.backbone
        return net.layer1(net.maxpool(net.relu(net.bn1(net.conv1(x)))))

    def rest(self, x: torch.Tensor) -> torch.Tensor:
        net = self.backbone
        return net.layer4(net.layer3(net.layer2(x)))

    @property
    def linear(self) -> nn.Linear:
        return self.backbone.fc

    @property
    def early_stages(self) -> tuple[nn.Module, ...]:
        net = self.backbone
        return (net.conv1, net.bn1, net.layer1, net.layer2)


def _dilate(stage: nn.Module) -> None:
    """Let its 3 × 3 convolutions reach as far as they did behind a stride of 2."""
    for module in stage.modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3):
            module.dilation = module.padding = (2, 2)


def build_network(architecture: str) -> SplitNetwork:
    """A network with random weights: `densenet121`, `resnet50` or `resnet18`."""
    if architecture == "densenet121":
        return DenseNet()
    if architecture == "resnet50":
        return ResNet(torchvision.models.resnet50(num_classes=1))
    if architecture == "resnet18":
        return ResNet(torchvision.models.resnet18(num_classes=1))
    raise ValueError(f"unknown architecture: {architecture}")


def load_network(spec: ModelSpec, data: bytes) -> SplitNetwork:
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


def in_two(network: SplitNetwork) -> nn.Sequential:
    """Its beginning, then all that follows, which gives its feature map beside its logit, both of one pass."""
    return nn.Sequential(_Beginning(network), _Rest(network))


class _Beginning(nn.Module):
    def __init__(self, network: SplitNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network.beginning(x)


class _Rest(nn.Module):
    def __init__(self, network: SplitNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        feature_map = self.network.rest(x)
        return self.network.head(feature_map), feature_map

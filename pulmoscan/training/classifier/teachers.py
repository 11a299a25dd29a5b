"""Teachers: networks whose common judgement a training learns beside the labels.

The few boxed opacities teach where to look, but a network that sees them again and again forgets how to rank the rest.
The mean of several networks' logits on the very view that the network sees is a label of every shade for each of
thousands of radiographs (Hinton et al. 2015, arXiv:1503.02531; against forgetting: Li and Hoiem 2016,
arXiv:1606.09282).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pulmoscan.models.networks import Network, build_network
from pulmoscan.training.classifier.initial import initialise
from pulmoscan.training.state import mixed_precision

Teacher = tuple[str, str]
"""Architecture, and a safetensors file with torchvision's names."""


class Teachers:
    """Networks that no longer learn.

    Raises:
        TrainingError: a file cannot be read, or fits its architecture nowhere.
    """

    def __init__(self, teachers: Sequence[Teacher], device: torch.device) -> None:
        self.device = device
        self.networks = [_load(architecture, file).to(device) for architecture, file in teachers]

    @torch.no_grad()
    def judge(self, x: torch.Tensor) -> torch.Tensor:
        """Model input [N, 3, 224, 224] -> the probability [N] of the mean of their logits."""
        with mixed_precision(self.device):
            feature_maps = [network.features(x) for network in self.networks]
        logits = [
            network.head(feature_map.float()) for network, feature_map in zip(self.networks, feature_maps, strict=True)
        ]
        return torch.sigmoid(torch.stack(logits).mean(dim=0))


def _load(architecture: str, file: str) -> Network:
    network = build_network(architecture)
    initialise(network, architecture, file)
    network.requires_grad_(False)
    return network.eval().to(memory_format=torch.channels_last)

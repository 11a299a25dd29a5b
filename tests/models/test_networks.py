from __future__ import annotations

from typing import Any

import pytest
import torch
import torchvision
from torch.nn import functional
from torchvision.models.feature_extraction import create_feature_extractor

from pulmoscan.models.networks import Network, build_network

CHANNELS = {"densenet121": 1024, "resnet50": 2048, "resnet18": 512}


@pytest.fixture(scope="module")
def x() -> torch.Tensor:
    return torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_forward_is_head_of_features(network: Network, architecture: str, x: torch.Tensor) -> None:
    feature_map = network.features(x)
    assert feature_map.shape == (2, CHANNELS[architecture], 14, 14)
    logits = network(x)
    assert logits.shape == (2,)
    torch.testing.assert_close(network.head(feature_map), logits)


@torch.no_grad()
def test_every_other_cell_is_torchvisions(network: Network, architecture: str, x: torch.Tensor) -> None:
    """Same names, and the feature map that torchvision's strides give lies in ours: weights can go to and fro."""
    reference = torchvision.models.get_model(architecture, weights=None, num_classes=1).eval()
    reference.load_state_dict(network.backbone.state_dict(), strict=True)
    if architecture == "densenet121":
        # Its transition pools 2 × 2 cells where ours keeps them: the stages behind it are compared on what was pooled.
        pooled = create_feature_extractor(reference, ["features.transition3"])(x)["features.transition3"]
        last: Any = network.backbone.features
        ours = last.norm5(last.denseblock4(functional.interpolate(pooled, scale_factor=2.0)))
        theirs = reference.features.norm5(reference.features.denseblock4(pooled))
    else:
        ours = network.features(x)
        theirs = create_feature_extractor(reference, ["layer4"])(x)["layer4"]
    torch.testing.assert_close(ours[:, :, ::2, ::2], theirs, rtol=1e-3, atol=5e-3)


def test_takes_imagenet_weights_by_name(architecture: str) -> None:
    """All but the classifier of the 1,000-class network fits."""
    own = build_network(architecture).backbone.state_dict()
    imagenet = torchvision.models.get_model(architecture, weights=None).state_dict()
    assert own.keys() == imagenet.keys()
    assert {k.split(".")[0] for k in own if own[k].shape != imagenet[k].shape} <= {"classifier", "fc"}


@torch.no_grad()
def test_head_leaves_the_feature_map_alone(network: Network, x: torch.Tensor) -> None:
    """Grad-CAM needs the feature map after the head has run: DenseNet's ReLU must not work in place."""
    feature_map = network.features(x)
    before = feature_map.clone()
    network.head(feature_map)
    assert torch.equal(feature_map, before)


@torch.no_grad()
def test_feature_map_is_rectified_only_by_the_head(random_networks: dict[str, Network], x: torch.Tensor) -> None:
    densenet, resnet = random_networks["densenet121"], random_networks["resnet18"]
    assert densenet.features(x).min() < 0  # norm5's own output
    assert densenet.head.activate(densenet.features(x)).min() == 0
    assert resnet.features(x).min() == 0


def test_unknown_architecture() -> None:
    with pytest.raises(ValueError, match="vgg16"):
        build_network("vgg16")


def test_early_stages_can_be_frozen_without_losing_the_rest(architecture: str) -> None:
    network = build_network(architecture)
    for stage in network.early_stages:
        stage.requires_grad_(False)
    network(torch.rand(2, 3, 64, 64)).sum().backward()
    frozen = [p for stage in network.early_stages for p in stage.parameters()]
    assert frozen
    assert all(p.grad is None for p in frozen)
    assert network.linear.weight.grad is not None
    assert sum(p.grad is not None for p in network.parameters()) == sum(p.requires_grad for p in network.parameters())

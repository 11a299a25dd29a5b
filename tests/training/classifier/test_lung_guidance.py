from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pulmoscan.models.networks import Network
from pulmoscan.training.classifier.lung_guidance import (
    attention_loss,
    random_background,
    replace_background,
    soft_lung_mask,
)
from tests.pictures import grey8


@pytest.fixture
def lungs() -> NDArray[np.uint8]:
    mask = np.zeros((224, 224), np.uint8)
    mask[60:160, 40:100] = 255
    return mask


def test_soft_mask(lungs: NDArray[np.uint8]) -> None:
    soft = soft_lung_mask(lungs)
    assert soft.dtype == np.float32
    assert 0 <= soft.min() <= soft.max() <= 1 + 1e-6
    assert soft[110, 70] == pytest.approx(1)
    assert soft[110, 103] > 0.5  # a margin for the pleura
    assert soft[200, 200] == 0
    assert soft_lung_mask(np.zeros_like(lungs)).max() == 0


def test_background_is_replaced_outside_the_lungs_only(lungs: NDArray[np.uint8]) -> None:
    picture, other = grey8(224, 224), np.full((224, 224), 200, np.uint8)
    result = replace_background(picture, soft_lung_mask(lungs), other)
    assert result.dtype == np.uint8
    np.testing.assert_allclose(result[80:140, 55:85].astype(int), picture[80:140, 55:85], atol=1)
    np.testing.assert_array_equal(result[200:, 150:], other[200:, 150:])


def test_backgrounds_are_of_three_kinds() -> None:
    picture = grey8(224, 224)
    rng = random.Random(0)
    kinds = {"constant": 0, "other": 0, "noise": 0}
    for _ in range(60):
        background = random_background(picture, rng)
        assert background.shape == picture.shape
        assert background.dtype == np.uint8
        same = np.array_equal(background, picture)
        kinds["other" if same else "constant" if np.ptp(background) == 0 else "noise"] += 1
    assert min(kinds.values()) > 8


# The loss


@pytest.fixture
def network(random_networks: dict[str, Network]) -> Network:
    return random_networks["resnet18"]


def feature_map(network: Network, *cells: tuple[int, int]) -> torch.Tensor:
    """One radiograph whose positive evidence lies in the given cells."""
    result = torch.zeros(1, 512, 7, 7)
    positive = (network.linear.weight[0] > 0).float().detach()
    for row, column in cells:
        result[0, :, row, column] = positive
    return result


def left_half() -> torch.Tensor:
    lungs = torch.zeros(1, 7, 7)
    lungs[:, :, :4] = 1
    return lungs


@pytest.mark.parametrize(
    ("cells", "expected"),
    [([(3, 1)], 0.0), ([(3, 6)], 1.0), ([(3, 1), (3, 6)], 0.5), ([(0, 0), (1, 1), (2, 2), (6, 6)], 0.25)],
)
def test_loss_is_the_share_outside(network: Network, cells: list[tuple[int, int]], expected: float) -> None:
    loss = attention_loss(network, feature_map(network, *cells), left_half(), torch.ones(1))
    assert float(loss.detach()) == pytest.approx(expected, abs=1e-4)


def test_only_positives_with_a_mask_count(network: Network) -> None:
    outside = feature_map(network, (3, 6))
    for lungs, labels in ((left_half(), torch.zeros(1)), (torch.zeros(1, 7, 7), torch.ones(1))):
        assert float(attention_loss(network, outside, lungs, labels)) == 0
    batch = torch.cat([outside, outside, feature_map(network, (3, 1))])
    lungs = torch.cat([left_half(), torch.zeros(1, 7, 7), left_half()])
    loss = attention_loss(network, batch, lungs, torch.ones(3))
    assert float(loss.detach()) == pytest.approx(0.5, abs=1e-4)


def test_loss_pulls_the_evidence_inside(network: Network) -> None:
    """Its gradient lowers what lies outside and raises what lies inside."""
    features = feature_map(network, (3, 1), (3, 6)).requires_grad_()
    attention_loss(network, features, left_half(), torch.ones(1)).backward()
    assert features.grad is not None
    towards_score = network.linear.weight[0].detach() > 0
    assert (features.grad[0, towards_score, 3, 6] > 0).all()
    assert (features.grad[0, towards_score, 3, 1] < 0).all()
    network.zero_grad()


def test_half_precision_does_not_overflow(network: Network) -> None:
    features = (feature_map(network, (3, 1), (3, 6)) * 1000).bfloat16()
    loss = attention_loss(network, features, left_half(), torch.ones(1))
    assert loss.dtype == torch.float32
    assert float(loss.detach()) == pytest.approx(0.5, abs=1e-2)

from __future__ import annotations

import copy
from collections.abc import Callable

import cv2
import matplotlib
import numpy as np
import pytest
import torch
import torchvision
from numpy.typing import NDArray
from pytorch_grad_cam import GradCAM, HiResCAM
from torch import nn

from pulmoscan.models import gradcam
from pulmoscan.models.networks import Head, Network
from pulmoscan.models.preprocessing import model_input
from tests.pictures import chest

Array = NDArray[np.float32]
Cam = Callable[[Array, Array], Array]
LAYERS = {"densenet121": "features.norm5", "resnet50": "layer4", "resnet18": "layer4"}


@pytest.fixture(scope="module")
def x() -> torch.Tensor:
    return torch.from_numpy(
        np.concatenate([model_input(chest(224, 224, seed).astype(np.float32)) for seed in (11, 12)])
    )


def maps(network: Network, x: torch.Tensor) -> tuple[Array, Array]:
    """Feature map and gradient, the project's way."""
    with torch.no_grad():
        feature_map = network.features(x).numpy()
    return feature_map, network.head.frozen().gradient(feature_map)


def test_gradient_equals_that_of_the_whole_network(network: Network, architecture: str, x: torch.Tensor) -> None:
    """Differentiating the head alone gives what autograd gives at that layer of torchvision's own network."""
    reference = torchvision.models.get_model(architecture, weights=None, num_classes=1).eval()
    reference.load_state_dict(network.backbone.state_dict())
    kept: list[torch.Tensor] = []

    def keep(_module: nn.Module, _inputs: object, output: torch.Tensor) -> torch.Tensor:
        output.retain_grad()
        kept.append(output)
        return output.clone()  # DenseNet's ReLU then works in place on the clone

    reference.get_submodule(LAYERS[architecture]).register_forward_hook(keep)
    reference(x).sum().backward()
    feature_map, gradient = maps(network, x)
    np.testing.assert_allclose(feature_map, kept[0].detach(), rtol=1e-4, atol=1e-4)
    assert kept[0].grad is not None
    assert np.abs(gradient).max() > 0
    np.testing.assert_allclose(gradient, kept[0].grad, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("rectifies", [True, False])
@pytest.mark.parametrize("cells", [(7, 7), (14, 14), (5, 9)])
def test_gradient_is_autograds_to_the_last_bit(rectifies: bool, cells: tuple[int, int]) -> None:
    """The closed form of the head's gradient, on maps of any grid, zeros among their values."""
    torch.manual_seed(0)
    head = Head(nn.Linear(32, 1), rectifies)
    feature_map = torch.randn(3, 32, *cells).round(decimals=1).requires_grad_()
    (expected,) = torch.autograd.grad(head(feature_map).sum(), feature_map)
    assert (feature_map == 0).any()
    np.testing.assert_array_equal(head.frozen().gradient(feature_map.detach().numpy()), expected)


def test_the_feature_map_is_left_alone(network: Network, x: torch.Tensor) -> None:
    feature_map, gradient = maps(network, x)
    before = feature_map.copy()
    gradcam.grad_cam(feature_map, gradient)
    gradcam.hires_cam(feature_map, gradient)
    np.testing.assert_array_equal(feature_map, before)


@pytest.mark.parametrize(("ours", "theirs"), [(gradcam.grad_cam, GradCAM), (gradcam.hires_cam, HiResCAM)])
def test_equals_the_reference_package(
    network: Network, architecture: str, x: torch.Tensor, ours: Cam, theirs: type[GradCAM]
) -> None:
    evidence = ours(*maps(network, x))
    reference = copy.deepcopy(network)
    layer = reference.backbone.get_submodule(LAYERS[architecture])
    with theirs(reference, [layer]) as cam:
        expected = cam(x, targets=[lambda logit: logit] * len(x))
    for mine, other in zip(evidence, expected, strict=True):
        assert mine.max() > 0
        np.testing.assert_allclose(as_the_package_scales(mine), other, atol=1e-4)


def as_the_package_scales(evidence: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bilinear, and each picture stretched to its own range: what the product avoids, but the package does."""
    scaled = (evidence - evidence.min()) / (1e-7 + evidence.max() - evidence.min())
    large = cv2.resize(scaled, (224, 224))
    return (large - large.min()) / (1e-7 + large.max() - large.min())


def test_hires_cam_adds_up_to_the_logit(network: Network, x: torch.Tensor) -> None:
    """Before rectification the cells' shares and the bias are the log-odds, nothing else."""
    feature_map, gradient = maps(network, x)
    shares = (gradient * feature_map).sum(axis=1)
    with torch.no_grad():
        logits, bias = network(x).numpy(), network.linear.bias.numpy()
    np.testing.assert_allclose(shares.sum(axis=(1, 2)) + bias, logits, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(gradcam.hires_cam(feature_map, gradient), shares.clip(min=0))


# Heatmap


def test_colours_are_matplotlibs_plasma() -> None:
    heat = np.linspace(0, 1, 1001)
    expected = matplotlib.colormaps["plasma"](heat, bytes=True)[:, :3]
    np.testing.assert_allclose(gradcam.colours(heat).astype(int), expected, atol=1)  # Matplotlib cuts its bytes off
    exact = np.round(255 * matplotlib.colormaps["plasma"](heat)[:, :3])
    np.testing.assert_array_equal(gradcam.colours(heat), exact)


def spike(value: float = 1.0) -> NDArray[np.float32]:
    evidence = np.zeros((7, 7), np.float32)
    evidence[3, 3] = value
    return evidence


@pytest.mark.parametrize("value", [0.2, 1.0, 1.0001, 5.0, 1e6])
def test_heatmap_stays_in_range(value: float) -> None:
    """Bicubic interpolation over- and undershoots around a spike; nothing may wrap round."""
    heat = gradcam.heatmap(spike(value), 1.0, 301, 403)
    assert heat.dtype == np.float32
    assert heat.shape == (301, 403)
    assert 0 <= heat.min() <= heat.max() <= 1
    assert heat[150, 201] == heat.max() == pytest.approx(min(1, value), abs=0.01)
    assert heat[0, 0] == 0


def test_heatmap_is_bicubic() -> None:
    evidence = np.random.default_rng(0).uniform(0.3, 0.6, (7, 7)).astype(np.float32)
    expected = cv2.resize(evidence, (90, 110), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_allclose(gradcam.heatmap(2 * evidence, 2.0, 110, 90), expected, atol=1e-6)


def test_heatmap_shows_the_absolute_strength() -> None:
    """Half the evidence is half the heat; no picture is stretched to its own maximum."""
    whole, half = (gradcam.heatmap(spike(value), 1.0, 70, 70) for value in (0.8, 0.4))
    np.testing.assert_allclose(half, whole / 2, atol=1e-6)
    assert gradcam.heatmap(spike(0), 1.0, 70, 70).max() == 0


def test_heatmap_lies_where_the_evidence_lies() -> None:
    evidence = np.zeros((7, 7), np.float32)
    evidence[1, 5] = 1
    row, column = divmod(int(gradcam.heatmap(evidence, 1.0, 700, 1400).argmax()), 1400)
    assert (row // 100, column // 200) == (1, 5)


# Overlay


@pytest.fixture
def pixels() -> NDArray[np.float32]:
    return chest(70, 80).astype(np.float32)


def as_grey(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.repeat(np.round(pixels * 255).astype(np.uint8)[..., None], 3, axis=2)


def test_overlay(pixels: NDArray[np.float32]) -> None:
    heat = gradcam.heatmap(spike(), 1.0, 70, 80)
    picture = gradcam.overlay(pixels, heat, 0.6)
    assert picture.shape == (70, 80, 3)
    assert picture.dtype == np.uint8
    assert (np.ptp(picture[35, 40].astype(int))) > 50  # coloured at the peak


@pytest.mark.parametrize("opacity", [0.3, 0.6, 1.0])
def test_overlay_is_the_mix_of_grey_and_colour(opacity: float) -> None:
    """The palette is a short cut; computed at length the picture is the same but for rounding."""
    rng = np.random.default_rng(0)
    pixels, heat = rng.random((2, 90, 70), dtype=np.float32)
    colour = matplotlib.colormaps["plasma"](heat)[..., :3]
    alpha = opacity * np.sqrt(heat)[..., None]
    expected = 255 * (pixels[..., None] * (1 - alpha) + colour * alpha)
    np.testing.assert_allclose(gradcam.overlay(pixels, heat, opacity), expected, atol=4)
    assert np.abs(gradcam.overlay(pixels, heat, opacity) - expected).mean() < 0.6


def test_overlay_takes_read_only_and_odd_strides(pixels: NDArray[np.float32]) -> None:
    heat = gradcam.heatmap(spike(), 1.0, 70, 80)
    expected = gradcam.overlay(pixels, heat, 0.6)
    frozen = np.asfortranarray(pixels)
    frozen.flags.writeable = False
    np.testing.assert_array_equal(gradcam.overlay(frozen, np.asfortranarray(heat), 0.6), expected)


def test_overlay_without_heat_or_opacity_is_the_radiograph(pixels: NDArray[np.float32]) -> None:
    heat = gradcam.heatmap(spike(), 1.0, 70, 80)
    np.testing.assert_array_equal(gradcam.overlay(pixels, heat, 0.0), as_grey(pixels))
    np.testing.assert_array_equal(gradcam.overlay(pixels, np.zeros_like(heat), 1.0), as_grey(pixels))
    untouched = heat == 0
    assert untouched.any()
    np.testing.assert_array_equal(gradcam.overlay(pixels, heat, 1.0)[untouched], as_grey(pixels)[untouched])


def test_overlay_at_full_heat_and_opacity_hides_the_radiograph(pixels: NDArray[np.float32]) -> None:
    picture = gradcam.overlay(pixels, np.ones_like(pixels), 1.0)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) == 1


def test_overlay_grows_with_heat(pixels: NDArray[np.float32]) -> None:
    grey = as_grey(pixels).astype(int)
    changes = [
        np.abs(gradcam.overlay(pixels, np.full_like(pixels, heat), 0.6).astype(int) - grey).mean()
        for heat in (0.05, 0.2, 0.5, 1.0)
    ]
    assert changes == sorted(changes)
    assert changes[0] > 0

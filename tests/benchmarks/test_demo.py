"""The demos' way is what is compared with, so it must be what it claims to be."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from pytorch_grad_cam import GradCAM

from benchmarks.demo import TARGET_LAYERS, TO_INPUT, Demo
from pulmoscan.models.networks import Network
from tests.pictures import grey8


@pytest.fixture
def picture() -> np.ndarray:
    return cv2.cvtColor(grey8(300, 260, seed=3), cv2.COLOR_GRAY2RGB)


def test_gives_the_models_probability(network: Network, architecture: str, picture: np.ndarray) -> None:
    from PIL import Image

    result = Demo(architecture, network.backbone.state_dict())(picture)
    with torch.no_grad():
        expected = torch.sigmoid(network(TO_INPUT(Image.fromarray(picture)).unsqueeze(0))).item()
    assert result.probability == pytest.approx(expected, abs=1e-4)
    assert result.overlay.shape == picture.shape
    assert result.overlay.dtype == np.uint8


def test_its_map_is_grad_cam(network: Network, architecture: str) -> None:
    demo = Demo(architecture, network.backbone.state_dict())
    x = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    mine = demo._grad_cam(x)
    with GradCAM(demo.model, [demo.model.get_submodule(TARGET_LAYERS[architecture])]) as cam:
        expected = cam(x, targets=[lambda logit: logit])[0]
    np.testing.assert_allclose(cv2.resize(mine, (224, 224)), expected, atol=0.02)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from pulmoscan.models import networks
from pulmoscan.models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, model_input, normalise, resample, standardise
from pulmoscan.reading.radiograph import load_radiograph
from tests.pictures import chest, encode


def prepared(pixels: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    return standardise(resample(pixels.astype(np.float32)))


@pytest.fixture(scope="module")
def full_size() -> NDArray[np.float32]:
    """A radiograph as a detector gives it: 1,800 × 2,100 with quantum noise."""
    noise = np.random.default_rng(0).normal(0, 0.02, (1800, 2100))
    return np.clip(0.1 + 0.8 * chest(1800, 2100) + noise, 0, 1).astype(np.float32)


@pytest.mark.parametrize("shape", [(1800, 2100), (225, 223), (100, 150), (64, 3000), (224, 448), (3000, 224)])
def test_resampling_is_pillows(shape: tuple[int, int]) -> None:
    """Larger, smaller and odd sizes; the product of sparse matrices is a short cut and nothing else."""
    pixels = np.random.default_rng(1).random(shape, dtype=np.float32)
    expected = Image.fromarray(pixels).resize((224, 224), Image.Resampling.BILINEAR)
    result = resample(pixels)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, np.asarray(expected), atol=2e-6)
    np.testing.assert_allclose(resample(np.asfortranarray(pixels)), result, atol=1e-6)


@pytest.mark.parametrize("kernel", [Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.LANCZOS])
def test_small_copy_agrees_with_full_size(full_size: NDArray[np.float32], kernel: Image.Resampling) -> None:
    """However the copy was scaled, and through JPEG: what reaches the model is the same."""
    image = Image.fromarray((full_size * 255 + 0.5).astype(np.uint8)).resize((224, 224), kernel)
    copy = load_radiograph(encode(image, "JPEG", quality=75)).pixels
    difference = prepared(full_size) - prepared(copy)
    assert np.sqrt(np.mean(difference**2)) < 0.005
    assert np.abs(difference).max() < 0.03


@pytest.mark.parametrize(
    ("exposure", "tolerance"),
    [
        (lambda p: 0.5 * p, 1e-5),
        (lambda p: 0.2 * p + 0.6, 1e-5),
        (lambda p: np.round(p * 255) / 255, 0.005),
        (lambda p: np.round(p * 1023) / 4095, 0.001),
    ],
    ids=["dark", "flat", "8 bits", "10 of 12 bits"],
)
def test_exposure_and_depth_do_not_matter(
    exposure: Callable[[NDArray[np.float64]], NDArray[np.float64]], tolerance: float
) -> None:
    picture = chest(500, 400)
    np.testing.assert_allclose(prepared(exposure(picture)), prepared(picture), atol=tolerance)


def test_ranges_and_shapes(full_size: NDArray[np.float32]) -> None:
    grey = prepared(full_size)
    assert grey.shape == (224, 224)
    assert grey.dtype == np.float32
    assert (grey.min(), grey.max()) == (0, 1)
    x = model_input(full_size)
    assert x.shape == (1, 3, 224, 224)
    assert x.dtype == np.float32
    for channel, mean, std in zip(x[0], IMAGENET_MEAN, IMAGENET_STD, strict=True):
        np.testing.assert_allclose(channel * std + mean, grey, atol=1e-6)


def test_normalise_takes_a_batch() -> None:
    grey = np.random.default_rng(0).random((5, 224, 224), dtype=np.float32)
    x = normalise(grey)
    assert x.shape == (5, 3, 224, 224)
    np.testing.assert_array_equal(x[3:4], normalise(grey[3:4]))


def test_training_normalises_alike() -> None:
    """To the last bit, on the tensors of training."""
    grey = np.random.default_rng(0).random((2, 224, 224), dtype=np.float32)
    np.testing.assert_array_equal(networks.normalise(torch.from_numpy(grey)), normalise(grey))


def test_input_is_left_alone_and_results_repeat(full_size: NDArray[np.float32]) -> None:
    for pixels in (full_size, resample(full_size).copy()):
        before = pixels.copy()
        pixels.flags.writeable = False
        first, second = model_input(pixels), model_input(pixels)
        np.testing.assert_array_equal(first, second)
        np.testing.assert_array_equal(pixels, before)


def test_orientation_is_kept() -> None:
    """Rows stay rows: a bright upper left corner stays there."""
    picture = np.zeros((300, 600), np.float32)
    picture[:150, :150] = 1
    grey = prepared(picture)
    assert grey[10, 10] == 1
    assert grey[10, -10] == grey[-10, 10] == grey[-10, -10] == 0
    np.testing.assert_allclose(grey.mean(), 1 / 8, atol=0.02)  # half the rows, a quarter of the columns


@pytest.mark.parametrize("value", [0, 0.1, 1 / 3, 0.7, 1])
def test_constant_picture_is_no_noise(value: float) -> None:
    """No rounding error is stretched to look like structure, with or without one deviating pixel."""
    picture = np.full((500, 300), value)
    assert prepared(picture).std() == 0
    picture[0, 0] = 0.5
    assert prepared(picture).std() == 0

from __future__ import annotations

import random

import numpy as np
import pytest

from pulmoscan.training.data.augmentation import grain_augmentation, resample_randomly, scene_augmentation
from tests.pictures import grey8


@pytest.mark.parametrize("shape", [(224, 224), (448, 360), (300, 448)])
def test_random_resampling(shape: tuple[int, int]) -> None:
    picture = grey8(*shape)
    rng = random.Random(0)
    small = [resample_randomly(picture, rng) for _ in range(20)]
    assert {s.shape for s in small} == {(224, 224)}
    assert {s.dtype for s in small} == {np.dtype(np.uint8)}
    assert len({s.tobytes() for s in small}) > 5  # the fine grain varies …
    reference = grey8(224, 224).astype(int)
    for s in small:
        assert np.abs(s - reference).mean() < 2  # … the picture does not


def test_resampling_repeats_with_its_generator() -> None:
    picture = grey8(448, 360)
    first, second = (resample_randomly(picture, random.Random(5)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_scene_is_the_same_for_both_versions_and_the_mask() -> None:
    """A twin that moved otherwise would teach the consistency loss nonsense."""
    scene = scene_augmentation()
    picture = grey8(224, 224)
    mask = np.where(picture > 128, 255, 0).astype(np.uint8)
    changed = 0
    for seed in range(20):
        scene.set_random_seed(seed)
        result = scene(image=picture, twin=picture.copy(), mask=mask)
        np.testing.assert_array_equal(result["image"], result["twin"])
        assert set(np.unique(result["mask"])) <= {0, 255}
        assert result["image"].shape == (224, 224)
        changed += not np.array_equal(result["image"], picture)
    assert changed > 15


def test_mask_moves_with_the_picture() -> None:
    scene = scene_augmentation()
    picture = np.zeros((224, 224), np.uint8)
    picture[60:160, 40:100] = 200
    for seed in range(10):
        scene.set_random_seed(seed)
        result = scene(image=picture, twin=picture, mask=picture)
        bright = result["image"] > 100
        overlap = (bright & (result["mask"] > 100)).sum() / (bright | (result["mask"] > 100)).sum()
        assert overlap > 0.9


def test_grain_keeps_the_scene() -> None:
    grain = grain_augmentation()
    picture = grey8(224, 224)
    for seed in range(20):
        grain.set_random_seed(seed)
        result = grain(image=picture)["image"]
        assert result.shape == picture.shape
        assert result.dtype == np.uint8
        assert np.median(np.abs(result.astype(int) - picture)) < 16


def test_seeds_repeat() -> None:
    picture = grey8(224, 224)
    for pipeline in (scene_augmentation(), grain_augmentation()):
        results = []
        for _ in range(2):
            pipeline.set_random_seed(3)
            results.append(pipeline(image=picture)["image"])
        np.testing.assert_array_equal(*results)

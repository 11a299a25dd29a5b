"""Augmentation: radiographs as other scanners, rooms, resamplers and JPEG encoders would have made them.

All of it works on grey uint8 [224, 224], between `preprocessing.resample` and `preprocessing.standardise`.
"""

from __future__ import annotations

import io
import random

import albumentations as A
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pulmoscan.models.preprocessing import INPUT_SIZE
from pulmoscan.training.data.framing import WHOLE, Window

RESAMPLING_KERNELS = (
    Image.Resampling.BOX,
    Image.Resampling.BILINEAR,
    Image.Resampling.HAMMING,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
)


def resample_randomly(pixels: NDArray[np.uint8], rng: random.Random, window: Window = WHOLE) -> NDArray[np.uint8]:
    """A window of uint8 [H, W] -> [224, 224] by a random antialiasing kernel, half of the time in two steps.

    Which kernel and which steps made a small copy says nothing about the lungs, so the model must not see it.
    """
    image = Image.fromarray(pixels)
    box = (window[0] * image.width, window[1] * image.height, window[2] * image.width, window[3] * image.height)
    if rng.random() < 0.5:
        side = rng.randint(160, 400)
        image = image.resize((side, side), rng.choice(RESAMPLING_KERNELS), box=box)
        box = (0, 0, side, side)
    return np.asarray(image.resize((INPUT_SIZE, INPUT_SIZE), rng.choice(RESAMPLING_KERNELS), box=box))


def adult_copy(pixels: NDArray[np.uint8], rng: random.Random) -> NDArray[np.uint8]:
    """uint8 [H, W] -> [299, 299], [256, 256] or [224, 224], by random kernels and JPEG, as the adults' normals came.

    Most radiographs of adults are to be had as such copies only, and most of these are normal: every adult goes
    through the same sizes, or the model would learn the resampling.
    """
    image = Image.fromarray(pixels)
    sides = rng.choice(((299,), (299, 256), (299, 224), (299, 256, 224)))
    for side in sides:
        image = image.resize((side, side), rng.choice(RESAMPLING_KERNELS))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=rng.randint(75, 97))
    return np.asarray(Image.open(file))


def scene_augmentation() -> A.Compose:
    """What changes the scene: position, exposure. Applied alike to two versions (`image`, `twin`) of a radiograph."""
    return A.Compose(
        [
            A.HorizontalFlip(p=0.5),
            A.Affine(
                rotate=(-12, 12),
                scale={"x": (0.82, 1.08), "y": (0.82, 1.08)},  # `framing` has drawn near
                translate_percent=(-0.06, 0.06),
                border_mode=cv2.BORDER_CONSTANT,
                p=0.9,
            ),
            A.RandomGamma(gamma_limit=(70, 140), p=0.5),
            A.RandomBrightnessContrast(brightness_limit=0.15, contrast_limit=0.25, p=0.5),
            A.OneOf([A.CLAHE(clip_limit=(1, 4), p=1), A.RandomToneCurve(scale=0.25, p=1), A.Equalize(p=1)], p=0.4),
        ],
        additional_targets={"twin": "image", "opacities": "mask"},
    )


def grain_augmentation() -> A.Compose:
    """What changes the fine grain: sharpness, noise, compression, missing patches."""
    return A.Compose(
        [
            A.OneOf(
                [
                    A.GaussianBlur(sigma_limit=(0.3, 1.3), blur_limit=0),
                    A.Sharpen(alpha=(0.1, 0.5), lightness=(0.9, 1.1)),
                    A.Downscale(scale_range=(0.5, 0.95)),
                ],
                p=0.6,
            ),
            A.GaussNoise(std_range=(0.005, 0.04), p=0.4),
            A.ImageCompression(quality_range=(50, 100), p=0.6),
            A.CoarseDropout(
                num_holes_range=(1, 3), hole_height_range=(0.06, 0.18), hole_width_range=(0.06, 0.18), p=0.25
            ),
        ]
    )

"""Give an averaged radiograph the strength of detail that radiographs have: averaging fades it, band by band."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tools.alignment import Image, blur

SIGMAS = (0, 1, 2, 4, 8, 16)
"""Pixels; each band of detail lies between the low-passes of two neighbours."""

MAX_GAIN = (1.5, 4.0, 4.0, 4.0, 4.0)
"""Per band; the finest is mostly noise, which has no business in an average."""

ENERGY_SIGMA = 30.0

Energies = NDArray[np.float32]
"""[bands, H, W]: the local mean square of each band."""


def typical_energies(images: Iterable[Image]) -> Energies:
    """The median over aligned images [H, W]."""
    return np.asarray(np.median([[_energy(band) for band in _bands(image)] for image in images], axis=0))


def restore_detail(image: Image, typical: Energies) -> Image:
    """Raise each band of an image to its typical energy, within limits; a band that has more keeps it."""
    restored = _low_pass(image, SIGMAS[-1])
    for band, energy, limit in zip(_bands(image), typical, MAX_GAIN, strict=True):
        restored = restored + band * np.clip(np.sqrt(energy / (_energy(band) + 1e-9)), 1, limit)
    return np.asarray(restored, dtype=np.float32)


def _bands(image: Image) -> list[Image]:
    passed = [_low_pass(image, sigma) for sigma in SIGMAS]
    return [fine - coarse for fine, coarse in pairwise(passed)]


def _low_pass(image: Image, sigma: float) -> Image:
    return blur(image, sigma) if sigma else image


def _energy(band: Image) -> Image:
    return blur(band * band, ENERGY_SIGMA)

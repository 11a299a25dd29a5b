"""Aligned radiographs of different patients -> one average without any one patient's detail."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulmoscan.training.alignment import Image, blur

BAND_SIGMAS = (0, 1, 2, 4, 8, 16)
"""Pixels; each band of detail lies between the low-passes of two neighbours."""

MAX_GAIN = (1.5, 4.0, 4.0, 4.0, 4.0)
"""Per band; the finest is mostly noise, which has no business in an average."""

CLIP_DEVIATIONS = 1.0
ENERGY_SIGMA = 30.0


def clipped_mean(aligned: NDArray[np.float32]) -> Image:
    """Mean of [N, H, W] over N with equal weights; values far from the median (side markers, cables) are clipped."""
    median = np.median(aligned, axis=0)
    spread = 1.4826 * np.median(np.abs(aligned - median), axis=0)
    reach = CLIP_DEVIATIONS * blur(spread, 1)
    return np.asarray(np.clip(aligned, median - reach, median + reach).mean(axis=0), dtype=np.float32)


def restore_detail(mean: Image, aligned: NDArray[np.float32]) -> Image:
    """Raise each band of the mean to the local energy that is typical (median) of its members, within limits."""
    restored = _low_pass(mean, BAND_SIGMAS[-1])
    for fine, coarse, limit in zip(BAND_SIGMAS[:-1], BAND_SIGMAS[1:], MAX_GAIN, strict=True):
        band = _low_pass(mean, fine) - _low_pass(mean, coarse)
        typical = np.median([_energy(_low_pass(a, fine) - _low_pass(a, coarse)) for a in aligned], axis=0)
        restored = restored + band * np.clip(np.sqrt(typical / (_energy(band) + 1e-9)), 1, limit)
    return np.asarray(restored, dtype=np.float32)


def _low_pass(image: Image, sigma: float) -> Image:
    return blur(image, sigma) if sigma else image


def _energy(band: Image) -> Image:
    return blur(band * band, ENERGY_SIGMA)

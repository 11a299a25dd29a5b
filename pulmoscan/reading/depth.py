"""How many bits of a file's grey values are in use."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

DEPTHS = (8, 10, 12, 14, 16)
RARE = 99.9
"""Percentile: values that are rarer than those beyond it may be dead pixels, and tell nothing of the depth."""
SAMPLE = 1_000_000  # pixels that suffice for counting grey values


def significant_bits(largest: float) -> int:
    """Detectors fill 10, 12 or 14 of a file's 16 bits; the smallest usual depth that holds the largest value."""
    return next((bits for bits in DEPTHS if largest < 2**bits), 32)


def depth(values: NDArray[Any]) -> int:
    """Significant bits of grey values [H, W], from 0 up, a few dead pixels left out of account."""
    return min(significant_bits(float(values.max())), significant_bits(float(np.percentile(thinned(values), RARE))))


def thinned(values: NDArray[Any]) -> NDArray[Any]:
    """Every n-th value, of an array of any shape: as good for percentiles, and quick at any size."""
    flat = values.reshape(-1)
    return flat[:: max(1, flat.size // SAMPLE)]

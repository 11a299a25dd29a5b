"""Grey values: how many bits of a file's are in use, and a part of them spread over all shades."""

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


def spread(grey: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    """float32 [H, W] in [0, 1]: the greys from `low`, which becomes black, to `high`, which becomes white."""
    return np.clip((grey - np.float32(low)) / np.float32(high - low), 0, 1)

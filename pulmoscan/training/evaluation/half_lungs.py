"""Half a pneumonia, half a normal: heat that follows the disease stays on the pneumonia's side.

A class label says nothing of the place. Of a picture that shows one lung of a pneumonia beside the other lung of a
normal it is known that the normal's half holds no pneumonia, so heat there is wrong whichever lung was ill (cf. CutMix,
Yun et al. 2019, arXiv:1905.04899). `shortcuts` measures it.
"""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray

MIDDLE = (0.42, 0.58)
"""Where the seam runs, as a share of the width: about the spine."""

SEAM = 0.017
"""Softness of the seam, as a share of the width."""


def random_side(width: int, rng: random.Random) -> NDArray[np.float32]:
    """How much of each column [width] the pneumonia gives: 1 on its side of the seam, 0 on the other."""
    columns = (np.arange(width) + 0.5) / width
    side = 1 / (1 + np.exp((rng.uniform(*MIDDLE) - columns) / SEAM))
    return (side if rng.random() < 0.5 else 1 - side).astype(np.float32)


def half_and_half(
    pneumonia: NDArray[np.float32], normal: NDArray[np.float32], side: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The picture [H, W] that shows the pneumonia on its side and the normal on the other."""
    return pneumonia * side + normal * (1 - side)

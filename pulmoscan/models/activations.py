"""Logits -> probabilities, in NumPy; computed in double precision, whatever comes, and given in single."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def sigmoid(logits: ArrayLike) -> NDArray[np.float32]:
    """Of each logit its probability, float32 of the same shape."""
    return np.exp(-np.logaddexp(0, -np.asarray(logits, dtype=np.float64))).astype(np.float32)


def softmax(logits: ArrayLike) -> NDArray[np.float32]:
    """Of N logits, one for each of N kinds that exclude each other, their probabilities: float32 [N]."""
    x = np.asarray(logits, dtype=np.float64)
    exponentials = np.exp(x - x.max())
    return (exponentials / exponentials.sum()).astype(np.float32)

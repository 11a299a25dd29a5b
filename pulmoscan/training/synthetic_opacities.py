"""Synthetic opacities: a normal radiograph becomes a pneumonia whose place is known to the pixel.

Few adults are at hand, their labels were mined from reports, and nobody outlined the opacities in the training set.
A soft, patchy brightening of one lung or both, blended into a normal, is a positive with a sure label and a sure
place. The idea is that of foreign patches in anomaly detection (Tan et al. 2020, arXiv:2011.04197; Schlüter et al.
2022, *Natural Synthetic Anomalies*, ECCV), with shapes like consolidations and infiltrates instead of pasted squares.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]

MIN_LUNG_PIXELS = 1500
"""Of 224 × 224; below, the mask shows no lungs to draw in."""

SEEN = 0.12
"""Share of the opacity in a pixel from which the pixel counts as opaque."""


def random_opacity(lungs: NDArray[np.uint8], rng: np.random.Generator) -> Float | None:
    """How opaque each pixel of [H, W] becomes, in [0, 1]; None where the mask (0 or 255) shows too little lung."""
    inside = lungs > 127
    side = _random_side(inside, rng)
    if side.sum() < MIN_LUNG_PIXELS:
        return None
    rows = np.flatnonzero(side.any(axis=1))
    reach = float(rows[-1] - rows[0])
    shape = np.zeros(lungs.shape, np.float32)
    diffuse = rng.random() < 0.25
    for _ in range(1 if diffuse else rng.integers(1, 4)):
        shape = np.maximum(
            shape, _focus(side, reach * rng.uniform(0.25, 0.5) if diffuse else reach * rng.uniform(0.1, 0.35), rng)
        )
    grain = _smooth_noise(lungs.shape, int(rng.integers(14, 45)), rng)
    patchiness = rng.uniform(0.5, 1.0) if diffuse else rng.uniform(0.0, 0.5)
    shape *= np.clip(1 - patchiness * (0.5 + grain), 0, 1)
    edge = cv2.GaussianBlur(side.astype(np.float32), (0, 0), rng.uniform(1.0, 4.0))
    strength = rng.uniform(0.35, 0.75) if diffuse else rng.uniform(0.35, 0.95)
    return np.asarray(shape * edge * strength, np.float32)


def add_opacity(
    image: NDArray[np.uint8], opacity: Float, lungs: NDArray[np.uint8], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Blend soft tissue of the radiograph's own brightness over the lungs; nothing becomes darker."""
    grey = image.astype(np.float32)
    aerated = float(np.median(grey[lungs > 127]))
    tissue = max(float(np.percentile(grey, rng.uniform(70, 97))), aerated + rng.uniform(25, 60))
    layer = tissue + rng.uniform(0, 20) * _smooth_noise(image.shape, int(rng.integers(4, 30)), rng)
    return np.clip(np.maximum(grey, grey + (layer - grey) * opacity), 0, 255).astype(np.uint8)


def opaque(opacity: Float) -> NDArray[np.uint8]:
    """Mask (0 or 255) of what the opacity covers."""
    return np.where(opacity > SEEN, 255, 0).astype(np.uint8)


def _random_side(inside: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """One lung or both."""
    if rng.random() < 0.3 or not inside.any():
        return inside
    columns = np.arange(inside.shape[1])
    middle = float(np.average(columns, weights=inside.sum(axis=0)))
    half = columns < middle if rng.random() < 0.5 else columns >= middle
    return inside & half


def _focus(side: NDArray[np.bool_], radius: float, rng: np.random.Generator) -> Float:
    """An irregular ellipse around a random point of the lung, in [0, 1]."""
    ys, xs = np.nonzero(side)
    at = rng.integers(len(ys))
    y, x = np.mgrid[: side.shape[0], : side.shape[1]].astype(np.float32)
    angle = rng.uniform(0, np.pi)
    u = (x - xs[at]) * np.cos(angle) + (y - ys[at]) * np.sin(angle)
    v = (y - ys[at]) * np.cos(angle) - (x - xs[at]) * np.sin(angle)
    distance = np.hypot(u / radius, v / (radius * rng.uniform(0.5, 1.0)))
    ragged = distance + rng.uniform(0.2, 0.8) * _smooth_noise(side.shape, int(rng.integers(5, 16)), rng)
    softness = rng.uniform(0.08, 0.35)
    return np.asarray(1 / (1 + np.exp(np.clip((ragged - 1) / softness, -30, 30))), np.float32)


def _smooth_noise(shape: tuple[int, ...], cells: int, rng: np.random.Generator) -> Float:
    """Noise in about [-0.5, 0.5] that changes over `shape / cells` pixels."""
    noise = rng.uniform(-0.5, 0.5, (cells, cells)).astype(np.float32)
    return np.asarray(cv2.resize(noise, shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)

"""Where in the lungs something lies, in a radiologist's words: right or left, upper, mid or lower zone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulmoscan.examination.quality import lobes

HEIGHTS = ("upper", "mid", "lower")
NAMED = 0.25
"""Zones that hold at least this share of the heat are named."""


def zones(heat: NDArray[np.float32], lungs: NDArray[np.bool_]) -> dict[str, float]:
    """Share of the heat in each zone and outside the outlines, the largest first; empty without heat or lungs.

    A lung's zones are the thirds of its outline's height. The patient's right is taken to be on the picture's left, as
    radiographs are shown.

    Args:
        heat: [H, W], at least 0.
        lungs: the outlines, bool [H, W].
    """
    total = float(heat.sum())
    if total <= 0 or not lungs.any():
        return {}
    first, second = lobes(lungs)
    in_order = sorted((first, second), key=lambda lobe: float(np.flatnonzero(lobe.any(axis=0)).mean()))
    shares: dict[str, float] = {}
    for side, lobe in zip(("right", "left"), in_order, strict=True):
        rows = np.flatnonzero(lobe.any(axis=1))
        edges = np.linspace(rows[0], rows[-1] + 1, len(HEIGHTS) + 1).round().astype(int)
        for height, top, bottom in zip(HEIGHTS, edges[:-1], edges[1:], strict=True):
            shares[f"{side} {height} zone"] = float(heat[top:bottom][lobe[top:bottom]].sum()) / total
    shares["outside the outlines"] = max(0.0, 1 - sum(shares.values()))
    return dict(sorted(shares.items(), key=lambda share: -share[1]))


def in_words(shares: dict[str, float]) -> str:
    """The zones that hold most of the heat: “right lower zone and left lower zone”; empty where there are none."""
    named = [name for name, share in shares.items() if share >= NAMED] or list(shares)[:1]
    return " and ".join(named)

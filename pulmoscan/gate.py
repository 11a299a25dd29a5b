"""The gate: is this a frontal chest radiograph, upright, with bone bright? Asked before any probability is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pulmoscan.lungs import ChestView

Kind = Literal["not a chest", "turned", "inverted", "part of a chest"]

LIMITS = ("chest", "strangeness", "turned", "inverted", "whole", "smallest_area", "largest_area", "smaller_lung")
"""What a lung card's `limits` holds; `training.calibrate_lungs` fixes them on validation."""


@dataclass(frozen=True)
class Correction:
    """What would put a picture right: first `turns` quarter turns clockwise, then inversion of its grey values."""

    turns: int = 0
    inverts: bool = False

    def apply(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 [H, W] in [0, 1], corrected."""
        upright = np.rot90(pixels, -self.turns)
        return np.ascontiguousarray(1 - upright if self.inverts else upright)


@dataclass(frozen=True)
class Refusal:
    """Why a picture gets no probability, and what to do; `correction` where one click can mend it."""

    kind: Kind
    message: str
    correction: Correction | None = None


def check(view: ChestView, limits: Mapping[str, float]) -> Refusal | None:
    """The reason to refuse a picture, None for an upright frontal chest radiograph that shows both lungs."""
    turns = turns_needed(view, limits)
    inverted = view.inverted > limits["inverted"]
    if view.chest < limits["chest"]:
        return NOT_A_CHEST
    if turns or inverted:
        return _to_be_corrected(Correction(turns, inverted))
    if view.strangeness > limits["strangeness"] or not limits["smallest_area"] <= area(view) <= limits["largest_area"]:
        return NOT_A_CHEST
    if view.whole < limits["whole"] or smaller_lung(view) < limits["smaller_lung"]:
        return PART_OF_A_CHEST
    return None


def turns_needed(view: ChestView, limits: Mapping[str, float]) -> int:
    """Quarter turns clockwise that would put the picture upright, 0 to 3."""
    turned = int(view.turns.argmax())
    return turned if 1 - float(view.turns[0]) > limits["turned"] else 0


def area(view: ChestView) -> float:
    """Share of the picture that the lungs take, in [0, 1]."""
    return float(view.mask.mean())


def smaller_lung(view: ChestView) -> float:
    """Share of the lungs' area on the narrower side of the middle of their extent, in [0, 0.5]; 0 without lungs."""
    columns = view.mask.sum(axis=0)
    inside = np.flatnonzero(columns)
    if not inside.size:
        return 0.0
    middle = (inside[0] + inside[-1] + 1) // 2
    left = float(columns[:middle].sum()) / float(columns.sum())
    return min(left, 1 - left)


NOT_A_CHEST = Refusal(
    "not a chest",
    "This does not look like a frontal chest radiograph, so it gets no probability. "
    "Choose a frontal view (PA or AP) of the whole chest.",
)
PART_OF_A_CHEST = Refusal(
    "part of a chest",
    "Only a part of the chest is in the picture, so it gets no probability. "
    "Choose the uncropped radiograph, with both lungs in it.",
)


def _to_be_corrected(correction: Correction) -> Refusal:
    turned = {1: "turned by 90° to the left", 2: "upside down", 3: "turned by 90° to the right"}.get(correction.turns)
    inverted = "inverted: bone dark on white" if correction.inverts else None
    looks = ", and ".join(part for part in (turned, inverted) if part)
    mend = " and ".join(
        part for part in ("Turn it upright" if turned else "", "invert its grey values" if inverted else "") if part
    )
    return Refusal(
        "turned" if turned else "inverted", f"This radiograph looks {looks}. {mend[0].upper()}{mend[1:]}.", correction
    )

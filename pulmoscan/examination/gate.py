"""The gate: is this a frontal chest radiograph, upright, with bone bright? Asked before any probability is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pulmoscan.examination import collage
from pulmoscan.examination.lungs import ChestView

RefusalReason = Literal[
    "not a chest", "in colour", "side view", "collage", "screenshot", "turned", "inverted", "part of a chest"
]

LIMITS = (
    "chest",
    "side",
    "mahalanobis",
    "turned",
    "inverted",
    "whole",
    "smallest_area",
    "largest_area",
    "smaller_lung",
)
"""What a lung card's `limits` holds; `training.calibrate_lungs` fixes them on validation."""


LARGEST_CHROMA = 0.15
"""A picture more coloured than this is no radiograph: those of all datasets have none at all."""


@dataclass(frozen=True)
class Correction:
    """What would put a picture right: first `turns` quarter turns clockwise, then inversion of its grey values."""

    turns: int = 0
    inverts: bool = False

    @property
    def done(self) -> str:
        """What was done to a picture that was corrected: “turned by 180°”, “inverted”, or both."""
        turned = f"turned by {TURNS[self.turns]}" if self.turns else ""
        return " and ".join(part for part in (turned, "inverted" if self.inverts else "") if part)

    def apply(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 [H, W] in [0, 1], corrected."""
        upright = np.rot90(pixels, -self.turns)
        return np.ascontiguousarray(1 - upright if self.inverts else upright)


@dataclass(frozen=True)
class Refusal:
    """Why a picture gets no probability, and what to do, in a sentence each; `correction` where that can mend it."""

    kind: RefusalReason
    finding: str
    advice: str
    correction: Correction | None = None

    @property
    def message(self) -> str:
        """Both sentences."""
        return f"{self.finding} {self.advice}"


def check(
    view: ChestView, limits: Mapping[str, float], pixels: NDArray[np.float32] | None = None, chroma: float = 0.0
) -> Refusal | None:
    """The reason to refuse a picture, None for an upright frontal chest radiograph that shows both lungs.

    Args:
        limits: of the lung network's card, see `LIMITS`.
        pixels: the picture at its own size; without it a collage may pass.
        chroma: how coloured the file is, see `radiograph.Source`.
    """
    if chroma > LARGEST_CHROMA:
        return IN_COLOUR
    if view.side > limits["side"]:
        return SIDE_VIEW
    turns = turns_needed(view, limits)
    inverted = view.inverted > limits["inverted"]
    if view.chest < limits["chest"]:
        return NOT_A_CHEST
    if pixels is not None and (composed := collage.find(pixels)):
        return COLLAGE if composed == "collage" else SCREENSHOT
    if turns or inverted:
        return _to_be_corrected(Correction(turns, inverted))
    if view.mahalanobis > limits["mahalanobis"] or not limits["smallest_area"] <= area(view) <= limits["largest_area"]:
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


TURNS = {1: "90° to the right", 2: "180°", 3: "90° to the left"}
"""Quarter turns clockwise, in words."""

IN_COLOUR = Refusal(
    "in colour",
    "This is a picture in colour, and a radiograph is grey.",
    "Choose the radiograph itself, without colours laid over it.",
)
COLLAGE = Refusal(
    "collage",
    "The image seems to hold several pictures: straight lines from edge to edge divide it.",
    "Save the one frontal chest radiograph as an image of its own.",
)
SCREENSHOT = Refusal(
    "screenshot",
    "This looks like a screenshot: a viewer's toolbar or panel lies beside the radiograph.",
    "Export the radiograph itself from the viewer, or cut all else away.",
)
NOT_A_CHEST = Refusal(
    "not a chest",
    "This does not look like a frontal chest radiograph.",
    "Choose a frontal view (PA or AP) of the whole chest.",
)
SIDE_VIEW = Refusal(
    "side view",
    "This looks like a side view of the chest, and the models read frontal views alone.",
    "Choose the frontal view (PA or AP) of the same study.",
)
PART_OF_A_CHEST = Refusal(
    "part of a chest",
    "Only a part of the chest is in the picture.",
    "Choose the uncropped radiograph, with both lungs in it.",
)


def _to_be_corrected(correction: Correction) -> Refusal:
    looks, mends = [], []
    if correction.turns:
        # It was turned the other way round.
        looks.append("upside down" if correction.turns == 2 else f"turned by {TURNS[4 - correction.turns]}")
        mends.append("turn it upright")
    if correction.inverts:
        looks.append("inverted: bone dark on white")
        mends.append("invert its grey values")
    advice = " and ".join(mends)
    return Refusal(
        "turned" if correction.turns else "inverted",
        f"This radiograph looks {', and '.join(looks)}.",
        f"{advice[0].upper()}{advice[1:]}.",
        correction,
    )

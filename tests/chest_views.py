"""Made-up answers of the lung network."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pulmoscan.examination.examine import Examination
from pulmoscan.examination.gate import Refusal
from pulmoscan.examination.lungs import ChestView
from pulmoscan.examination.quality import Defect


def two_lungs(left: int = 70, right: int = 154, degrees: float = 0.0) -> NDArray[np.float32]:
    """Two upright ellipses with centres at these columns, tilted clockwise about the middle; [224, 224], 0 or 1."""
    lungs = np.zeros((224, 224), np.float32)
    for column in (left, right):
        cv2.ellipse(lungs, (column, 112), (32, 72), 0, 0, 360, 1.0, -1)
    turn = cv2.getRotationMatrix2D((111.5, 111.5), -degrees, 1)
    return np.asarray(cv2.warpAffine(lungs, turn, (224, 224), flags=cv2.INTER_NEAREST), dtype=np.float32)


def chest_view(**changes: Any) -> ChestView:
    """An upright chest with two lungs, but for the changes; `lungs` as [224, 224], 1 inside."""
    usual: dict[str, Any] = {
        "lungs": two_lungs(),
        "chest": 0.99,
        "whole": 0.99,
        "inverted": 0.01,
        "side": 0.01,
        "turns": np.array([0.97, 0.01, 0.01, 0.01], np.float32),
        "mahalanobis": 1.0,
    }
    answers = {**usual, **changes}
    return ChestView(**{**answers, "lungs": np.packbits(answers["lungs"] > 0.5)})


def examination(refusal: Refusal | None = None, *defects: Defect, **changes: Any) -> Examination:
    """What such a view gives."""
    return Examination(chest_view(**changes), refusal, defects, 1.0)

"""What a decision is called and how it looks: the same on pages, in PDF, DICOM and PNG, and on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pulmoscan.models.card import HeatMethod
from pulmoscan.screening import Label

OPACITY = 0.6
"""Of the strongest heat in an overlay, in [0, 1], unless the user chooses another."""

CAPTION = "What raised the score: a hint at where to look, not an outline of disease."
CLEARED_NOTE = "A radiograph below the threshold can still show pneumonia: see the sensitivity measured there."
METHODS: Mapping[HeatMethod, str] = {"gradcam": "Grad-CAM", "hirescam": "HiResCAM"}


@dataclass(frozen=True)
class Look:
    """A decision in words and colours.

    Attributes:
        relation: how the number stands to the threshold.
        strong, weak: colours on a white page, for words and lines, and for an area behind them; as in style.css.
        side: the colour of its side of the scale.
    """

    headline: str
    relation: str
    strong: str
    weak: str
    side: str


LOOKS: Mapping[Label, Look] = {
    "pneumonia": Look("Pneumonia suspected", "at or above", "#c2570c", "#fff4ea", "#f0b083"),
    "normal": Look("No sign of pneumonia found", "below", "#1b7f5c", "#ebf7f2", "#8fcdb6"),
}


def probability_text(probability: float) -> str:
    """Three decimals, and never a certainty that the model does not have."""
    if probability > 0.999:
        return "> 0.999"
    return "< 0.001" if probability < 0.001 else f"{probability:.3f}"


NUMBER = "Score"
"""What a model's number is called beside a decision: even a calibrated one is no probability at every prevalence."""

CALIBRATION = "The score is calibrated as if every other patient had pneumonia; where fewer do, it is no probability."

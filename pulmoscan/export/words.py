"""What a decision is called and how it looks: the same on pages, in PDF, DICOM and PNG, and on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pulmoscan.models.card import HeatMethod
from pulmoscan.population import GROUPS
from pulmoscan.screening import Label, Screening
from pulmoscan.statistics.triage import TriageCall

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


TRIAGE_WORDS: Mapping[TriageCall, str] = {
    "rule out": "Rule out",
    "uncertain": "Uncertain: a reader decides",
    "rule in": "Rule in",
}


def probability_text(probability: float) -> str:
    """Three decimals, and never a certainty that the model does not have."""
    if probability > 0.999:
        return "> 0.999"
    return "< 0.001" if probability < 0.001 else f"{probability:.3f}"


NUMBER = "Score"
"""What a model's number is called beside a decision: even a calibrated one is no probability at every prevalence."""

CALIBRATION = "The score is calibrated as if every other patient had pneumonia; where fewer do, it is no probability."


def population_text(screening: Screening) -> str:
    """Whom the radiograph shows, and whose operating point applies where that is not known."""
    group = GROUPS[screening.point.measured_on]
    if not screening.reading.model.fixed_here:
        return group if screening.population != "unknown" else "age unknown"
    if screening.population == "unknown":
        return f"age unknown: the operating point for {group}, the more sensitive one"
    return group


def threshold_text(screening: Screening) -> str:
    """The threshold and whose choice it was."""
    point, threshold = screening.point, screening.threshold
    if not screening.reading.model.fixed_here:
        chosen = "its authors' operating point" if screening.is_at_the_point else "moved from its authors'"
        return f"{threshold:.3f} ({chosen})"
    named = [name for name, at in screening.reading.card.points(point.measured_on).items() if at == threshold]
    if screening.is_at_the_point:
        origin = "the operating point"
    elif named:
        origin = f"the operating point “{named[0]}”, in place of {point.threshold:.3f},"
    else:
        origin = f"moved from {point.threshold:.3f}"
    return f"{threshold:.3f} ({origin} for {GROUPS[point.measured_on]})"


def triage_text(screening: Screening) -> str:
    """What the triage says of a radiograph, and on what bounds; empty without a triage."""
    call = screening.triage_call
    return f"{TRIAGE_WORDS[call]} ({bounds_text(screening)})." if call else ""


def bounds_text(screening: Screening) -> str:
    """The regions of the triage, what they promise, and why one is missing."""
    found = screening.triage
    if found is None:
        return ""
    out, inside, promise = found.rule_out.threshold, found.rule_in.threshold, found.promise
    regions = [f"ruled out below {out:.4f}"] if out is not None else []
    regions += [f"ruled in from {inside:.4f}"] if inside is not None else []
    basis = "the site's acceptance test" if screening.reading.site else "validation"
    at_most = (
        f"by {basis}, with {100 * promise.confidence:g} % confidence at most {100 * promise.miss_rate:g} % of "
        f"pneumonias are ruled out and {100 * promise.false_alarm_rate:g} % of others ruled in"
    )
    return "; ".join([*regions, at_most, *(reason.rstrip(".") for reason in found.reasons)])

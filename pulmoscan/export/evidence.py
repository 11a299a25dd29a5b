"""Which measured figures belong to a decision: one rule for pages, reports and JSON.

At an operating point, which was fixed before any test radiograph was read, those of the test split; at a threshold that
was moved those of the validation split, lest anyone set it by the test radiographs. Never those of other patients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pulmoscan.models.card import Card
from pulmoscan.population import GROUPS, Population, has_figures
from pulmoscan.screening import Label, Screening
from pulmoscan.statistics.metrics import THRESHOLD_STEP, Confusion, Estimate

PATIENTS: dict[Population, str] = {"child": "children of 1 to 5 years", "adult": "adults"}
"""Whom the figures were measured on."""

Split = Literal["test", "validation", "acceptance"]


@dataclass(frozen=True)
class Measured:
    """What was measured at the threshold in force.

    Attributes:
        patients: whom it was measured on.
        name: of the operating point; empty for a threshold that was moved.
    """

    split: Split
    patients: str
    counts: Confusion
    name: str = ""

    @property
    def sensitivity(self) -> Estimate:
        return self.counts.sensitivity

    @property
    def specificity(self) -> Estimate:
        return self.counts.specificity

    def likelihood_ratio(self, label: Label) -> Estimate:
        """The positive one of a positive call, the negative one of a negative call."""
        positive = label == "pneumonia"
        return self.counts.positive_likelihood_ratio if positive else self.counts.negative_likelihood_ratio

    @property
    def n(self) -> int:
        """Radiographs."""
        return self.counts.positives + self.counts.negatives

    @property
    def basis(self) -> str:
        """On what: “624 test radiographs of children of 1 to 5 years”."""
        return f"{self.n} {self.split} radiographs of {self.patients}"

    @property
    def sentence(self) -> str:
        """In one line, with intervals and counts."""
        return f"sensitivity {self.sensitivity.percent}, specificity {self.specificity.percent}, on {self.basis}"


@dataclass(frozen=True)
class Unmeasured:
    """No figure applies, and why: a sentence."""

    reason: str


def figures_of(screening: Screening) -> Measured | Unmeasured:
    """The figures at the threshold in force, for patients like this one."""
    reading = screening.reading
    if screening.population == "unknown":
        return Unmeasured("The figures of children and adults differ, and which this patient is is not known.")
    if not has_figures(reading.age):
        return Unmeasured("Nothing was measured on patients of 6 to 17 years.")
    site = reading.site
    if site and (part := site.populations.get(screening.population)) and screening.is_at_the_point:
        patients = f"{GROUPS[screening.population]} of {site.name}"
        return Measured("acceptance", patients, part.confusion, "the site's")
    name = point_name(reading.card, screening.population, screening.threshold)
    splits: tuple[Split, ...] = ("test", "validation") if name else ("validation",)
    for split in splits:
        if scores := reading.card.scores.get((screening.population, split)):
            return Measured(split, PATIENTS[screening.population], scores.at(screening.threshold), name)
    return Unmeasured(f"Nothing was measured on {GROUPS[screening.population]} with these weights.")


def point_name(card: Card, population: Population, threshold: float) -> str:
    """The operating point that a threshold is; empty where it is none."""
    points = card.points(population).items()
    return next((name for name, at in points if abs(threshold - at) < THRESHOLD_STEP / 2), "")

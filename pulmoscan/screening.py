"""The one path that every caller takes: Radiograph -> Reading -> Screening.

A `Reading` is what the model found, one forward pass; a `Screening` is what follows from it at a threshold. Moving the
threshold makes a new Screening of the same Reading and runs no model.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pulmoscan import gradcam
from pulmoscan.classifier import Classifier, load_classifier
from pulmoscan.errors import InvalidThreshold, UnknownPopulation
from pulmoscan.findings import WHOLE, FieldOfView, Finding
from pulmoscan.radiograph import Radiograph
from pulmoscan.registry import EXTERNAL_MODELS, Card, HeatMethod, Population

Label = Literal["pneumonia", "normal"]
PopulationChoice = Literal["auto", "child", "adult"]
POPULATION_CHOICES: tuple[PopulationChoice, ...] = ("auto", "child", "adult")

ADULT_AGE = 18.0
TRAINED_CHILD_AGE = 6.0  # the children in training were 1 to 5 years old
SMALL_SIDE = 224  # below the model input's own size detail is missing
FAINT_HEAT = 0.15
"""A heatmap whose peak lies below this share of full strength is called faint."""


@dataclass(frozen=True, eq=False)
class Reading:
    """What one model found in one radiograph.

    Attributes:
        probability: in [0, 1]; of an external model the score that its authors publish (`is_external`).
        evidence: for each method the class-activation map, float32 [7, 7], log-odds per cell.
        milliseconds: from decoded pixels to this reading.
        source_warnings: what the file's own header says against trusting the result; sentences.
        field_of_view: the part of the radiograph that the model saw, and that the evidence covers.
        findings: what else the model looks for.
        notes: sentences that go with every screening of this reading.
    """

    model: str
    card: Card
    radiograph_key: str
    height: int
    width: int
    age: float | None
    logit: float
    probability: float
    evidence: Mapping[HeatMethod, NDArray[np.float32]]
    milliseconds: float
    source_warnings: tuple[str, ...] = ()
    field_of_view: FieldOfView = WHOLE
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_external(self) -> bool:
        """Whether others trained the model: its number is a score, and its operating point theirs."""
        return self.model in EXTERNAL_MODELS

    def heatmap(
        self, height: int | None = None, width: int | None = None, method: HeatMethod | None = None
    ) -> NDArray[np.float32]:
        """float32 [H, W] in [0, 1], at the radiograph's own size by default, by the card's method by default.

        Outside the field of view it is 0.
        """
        chosen = self.evidence[method or self.card.heat_method]
        heat = np.zeros((height or self.height, width or self.width), np.float32)
        seen = heat[self.field_of_view.within(*heat.shape)]
        seen[:] = gradcam.heatmap(chosen, self.card.heat_reference, *seen.shape)
        return heat

    @property
    def peak_heat(self) -> float:
        """The strongest cell as a share of full strength, in [0, 1]."""
        strongest = float(self.evidence[self.card.heat_method].max())
        return min(1.0, strongest / self.card.heat_reference)

    @property
    def is_faint(self) -> bool:
        """Whether hardly anything in the picture raised the score."""
        return self.peak_heat < FAINT_HEAT


@dataclass(frozen=True, eq=False)
class Screening:
    """A reading and the decision at a threshold.

    Attributes:
        population: whose operating point applies; `unknown` where neither age nor choice tells.
        lung_attention: share of the heat inside the lungs, in [0, 1]; None while no lung outline is known.
        warnings: sentences for the user.
    """

    reading: Reading
    population: Literal["child", "adult", "unknown"]
    threshold: float
    label: Label
    lung_attention: float | None
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class OperatingPoint:
    """The default threshold for a population, and whose it is (the more sensitive one where unknown)."""

    population: Literal["child", "adult", "unknown"]
    measured_on: Population
    threshold: float


def read(radiograph: Radiograph, model: str) -> Reading:
    """Run a model once over a radiograph. Deterministic and safe to call from many threads.

    Raises:
        ModelError: the model is unknown or its weights cannot be used.
    """
    return read_with(load_classifier(model), radiograph)


def read_with(classifier: Classifier, radiograph: Radiograph) -> Reading:
    """As `read`, by a classifier in hand: for measuring weights that have no card yet."""
    began = time.perf_counter()
    forward = classifier.forward(classifier.prepare(radiograph.pixels))
    gradient = gradcam.head_gradient(forward.feature_map, classifier.head)
    evidence: dict[HeatMethod, NDArray[np.float32]] = {
        "gradcam": gradcam.grad_cam(forward.feature_map, gradient)[0].numpy(),
        "hirescam": gradcam.hires_cam(forward.feature_map, gradient)[0].numpy(),
    }
    field_of_view = classifier.field_of_view(radiograph.height, radiograph.width)
    return Reading(
        model=classifier.spec.name,
        card=classifier.card,
        radiograph_key=radiograph.key,
        height=radiograph.height,
        width=radiograph.width,
        age=radiograph.source.age,
        logit=float(forward.logits[0]),
        probability=classifier.probability(forward),
        evidence=evidence,
        milliseconds=1000 * (time.perf_counter() - began),
        source_warnings=radiograph.dicom.warnings if radiograph.dicom else (),
        field_of_view=field_of_view,
        findings=classifier.findings(forward),
        notes=classifier.notes(field_of_view),
    )


def operating_point(card: Card, population: PopulationChoice = "auto", age: float | None = None) -> OperatingPoint:
    """The operating point of a population; `auto` goes by age, and without one takes the more sensitive point.

    Raises:
        UnknownPopulation: it is not one of child, adult and auto.
    """
    if population not in POPULATION_CHOICES:
        raise UnknownPopulation(population)
    if population == "auto":
        if age is None:
            measured_on = min(card.thresholds, key=lambda p: card.thresholds[p])
            return OperatingPoint("unknown", measured_on, card.thresholds[measured_on])
        population = "child" if age < ADULT_AGE else "adult"
    return OperatingPoint(population, population, card.thresholds[population])


def decide(reading: Reading, population: PopulationChoice = "auto", threshold: float | None = None) -> Screening:
    """Compare a reading's probability with a threshold, by default the population's operating point.

    Raises:
        InvalidThreshold: it lies outside 0 to 1.
        UnknownPopulation: it is not one of child, adult and auto.
    """
    point = operating_point(reading.card, population, reading.age)
    if threshold is None:
        threshold = point.threshold
    if not 0 <= threshold <= 1:
        raise InvalidThreshold(threshold)
    return Screening(
        reading=reading,
        population=point.population,
        threshold=threshold,
        label="pneumonia" if reading.probability >= threshold else "normal",
        lung_attention=None,
        warnings=tuple(_warnings(reading, point)),
    )


def screen(
    radiograph: Radiograph, model: str, population: PopulationChoice = "auto", threshold: float | None = None
) -> Screening:
    """`read`, then `decide`."""
    return decide(read(radiograph, model), population, threshold)


def _warnings(reading: Reading, point: OperatingPoint) -> list[str]:
    warnings = [*reading.notes, *reading.source_warnings]
    if not reading.is_external:
        warnings += _warnings_of_age(reading, point)
    if min(reading.height, reading.width) < SMALL_SIDE:
        warnings.append(
            f"The image has only {reading.width} × {reading.height} pixels: fine detail is missing. "
            "Use the original radiograph."
        )
    return warnings


def _warnings_of_age(reading: Reading, point: OperatingPoint) -> list[str]:
    warnings = []
    if point.population == "unknown":
        warnings.append(
            "The patient's age is unknown: the more sensitive of the two operating points applies, "
            f"the one for {'children' if point.measured_on == 'child' else 'adults'}."
        )
    if reading.age is not None and TRAINED_CHILD_AGE <= reading.age < ADULT_AGE:
        warnings.append("The model learned from children of 1 to 5 years and from adults: no figures for this age.")
    return warnings

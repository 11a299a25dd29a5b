"""The one path that every caller takes: Radiograph -> Examination -> Reading -> Screening.

An `Examination` is what is seen before any model runs: lungs, gate, quality. A `Reading` is what the model found, one
forward pass; a `Screening` is what follows from it at a threshold. Moving the threshold makes a new Screening of the
same Reading and runs no model.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pulmoscan.errors import InvalidThreshold
from pulmoscan.examination.examine import Examination, examine
from pulmoscan.examination.gate import Refusal
from pulmoscan.models import bounds, gradcam, site_profile
from pulmoscan.models.card import Card, HeatMethod
from pulmoscan.models.classifier import Classifier
from pulmoscan.models.findings import WHOLE, FieldOfView, Finding
from pulmoscan.models.loading import load_classifier
from pulmoscan.models.preprocessing import INPUT_SIZE
from pulmoscan.models.registry import ModelSpec
from pulmoscan.models.site_profile import SiteProfile
from pulmoscan.population import GROUPS, OperatingPoint, PopulationChoice, has_figures, operating_point
from pulmoscan.reading.radiograph import Radiograph
from pulmoscan.statistics.metrics import THRESHOLD_STEP
from pulmoscan.statistics.triage import Promise, Triage, TriageCall

Label = Literal["pneumonia", "normal"]
Model = Classifier

FAINT_HEAT = 0.15
"""A heatmap whose peak lies below this share of full strength is called faint."""

MOSTLY_INSIDE = 0.5
"""A positive call with less than this share of its heat inside the lungs gets a warning."""

OUTLINES = "The outlines leave out the lung behind the heart and the diaphragm."
"""Goes with every word on heat outside them: there is lung there, and pneumonia can be in it."""


def load_model(name: str, site: SiteProfile | None = None) -> Classifier:
    """The model of that name, loaded once per process and state of its files, by a site's profile if there is one.

    Args:
        site: the profile; by default the one for this model of those that PULMOSCAN_SITE names.

    Raises:
        ModelError: there is no such model, or it cannot be used as it is installed.
        InvalidSetting, RuntimeNotInstalled: the environment asks for what cannot be had.
        SiteProfileDamaged, SiteProfileMismatch, SiteProfilesClash: a profile cannot be used, or not with this model.
    """
    classifier = load_classifier(name)
    in_force = {} if site else site_profile.in_force()
    if own := site or in_force.get(name):
        return classifier.at_site(own)
    return classifier.beside(in_force.values()) if in_force else classifier


@dataclass(frozen=True, eq=False)
class Reading:
    """What one model found in one radiograph.

    Attributes:
        logit: as the network gives it; the probability is that of the logit divided by the card's temperature.
        probability: in [0, 1]; of some external models a score that their authors publish (`model.measure`).
        evidence: for each method the class-activation map, float32 [H, W] feature cells, log-odds per cell.
        milliseconds: from decoded pixels to this reading, the examination included.
        source_warnings: what the file itself says against trusting the result; sentences.
        field_of_view: the part of the radiograph that the model saw, and that the evidence covers.
        findings: what else the model looks for.
        notes: sentences that go with every screening of this reading.
        precision: that the network was computed in, `float32` or `bfloat16`.
        examination: what was seen before the model ran; None where only the model was asked (`read_with`).
        site: the profile whose operating points are in the card's place.
    """

    model: ModelSpec
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
    precision: str = "float32"
    examination: Examination | None = None
    site: SiteProfile | None = None

    @property
    def site_probability(self) -> float | None:
        """The probability among the site's patients, by its calibration and prevalence; None without a profile."""
        return self.site.probability(self.probability) if self.site else None

    def operating_point(self, population: PopulationChoice) -> OperatingPoint:
        """The operating point that applies.

        Raises:
            UnknownPopulation: it is not one of child, adult and auto.
        """
        return operating_point(self.card.thresholds, population, self.age)

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
        return self._peak(self.card.heat_method)

    @property
    def is_faint(self) -> bool:
        """Whether hardly anything in the picture raised the score."""
        return self.peak_heat < FAINT_HEAT

    def lung_attention(self, method: HeatMethod | None = None) -> float | None:
        """Share of the heat inside the outlined lungs, in [0, 1]; None without lungs or where the heatmap is faint."""
        if self.examination is None or self._peak(method or self.card.heat_method) < FAINT_HEAT:
            return None
        return self.examination.view.share_inside(self.heatmap(INPUT_SIZE, INPUT_SIZE, method))

    def _peak(self, method: HeatMethod) -> float:
        return min(1.0, float(self.evidence[method].max()) / self.card.heat_reference)

    @property
    def overridden(self) -> Refusal | None:
        """The gate's refusal, where the picture was read in spite of one."""
        return self.examination.refusal if self.examination else None


@dataclass(frozen=True, eq=False)
class Screening:
    """A reading and the decision at a threshold.

    Attributes:
        point: the operating point that applies; the threshold is its own unless another was given.
        lung_attention: share of the heat inside the lungs, in [0, 1]; None without lungs or where the heat is faint.
        warnings: sentences for the user.
        triage: the bounds of the triage in three ways; None where none was asked for, or none was measured.
    """

    reading: Reading
    point: OperatingPoint
    threshold: float
    label: Label
    lung_attention: float | None
    warnings: tuple[str, ...]
    triage: Triage | None = None

    @property
    def triage_call(self) -> TriageCall | None:
        """Rule out, uncertain (a reader decides) or rule in; None without bounds."""
        return self.triage.call(self.reading.probability) if self.triage else None

    @property
    def population(self) -> Literal["child", "adult", "unknown"]:
        """Whose operating point applies; `unknown` where neither age nor choice tells."""
        return self.point.population

    @property
    def is_at_the_point(self) -> bool:
        """Whether the threshold in force is the operating point."""
        return abs(self.threshold - self.point.threshold) < THRESHOLD_STEP / 2


def read(
    radiograph: Radiograph, model: Classifier | str, examination: Examination | None = None, override: bool = False
) -> Reading:
    """Run a model once over a radiograph. Deterministic and safe to call from many threads.

    Args:
        model: as `load_model` gives it, or its name.
        examination: the radiograph's own, where it was examined before; several models can share it.
        override: read it even if the gate refuses it. The reading then says so, and so does every screening of it.

    Raises:
        RefusedByGate: it is no upright frontal chest radiograph.
        ModelError: the model is unknown, or its weights or the lung network's cannot be used.
    """
    classifier = load_model(model) if isinstance(model, str) else model
    examination = examination or examine(radiograph)
    examination.admit(override)
    return read_with(classifier, radiograph, examination)


def read_with(classifier: Classifier, radiograph: Radiograph, examination: Examination | None = None) -> Reading:
    """The model's part of `read`, by a classifier in hand and with no gate: for measuring weights on a dataset."""
    began = time.perf_counter()
    forward = classifier.forward(classifier.prepare(radiograph.pixels))
    gradient = classifier.head.gradient(forward.feature_map)
    evidence: dict[HeatMethod, NDArray[np.float32]] = {
        "gradcam": gradcam.grad_cam(forward.feature_map, gradient)[0],
        "hirescam": gradcam.hires_cam(forward.feature_map, gradient)[0],
    }
    field_of_view = classifier.field_of_view(radiograph.height, radiograph.width)
    return Reading(
        model=classifier.spec,
        card=classifier.card,
        radiograph_key=radiograph.key,
        height=radiograph.height,
        width=radiograph.width,
        age=radiograph.source.age,
        logit=float(forward.logits[0]),
        probability=classifier.probability(forward),
        evidence=evidence,
        milliseconds=1000 * (time.perf_counter() - began) + (examination.milliseconds if examination else 0.0),
        source_warnings=radiograph.warnings,
        field_of_view=field_of_view,
        findings=classifier.findings(forward),
        notes=(*_correction(radiograph), *_of_profile(classifier), *classifier.notes(field_of_view)),
        precision=classifier.settings.precision,
        examination=examination,
        site=classifier.site,
    )


def _correction(radiograph: Radiograph) -> tuple[str, ...]:
    done = radiograph.source.correction
    return (f"The picture was {done} before it was read, as the user asked.",) if done else ()


def _of_profile(classifier: Classifier) -> tuple[str, ...]:
    others = classifier.profiles_of_others
    return (site_profile.not_for(others, classifier.spec.name),) if others else ()


def decide(
    reading: Reading,
    population: PopulationChoice = "auto",
    threshold: float | None = None,
    promise: Promise | None = None,
) -> Screening:
    """Compare a reading's probability with a threshold, by default the population's operating point.

    Args:
        promise: what a triage must hold, by validation; a site profile has one of its own, which goes before it.

    Raises:
        InvalidThreshold: it lies outside 0 to 1.
        UnknownPopulation: it is not one of child, adult and auto.
    """
    point = reading.operating_point(population)
    if threshold is None:
        threshold = point.threshold
    if not 0 <= threshold <= 1:
        raise InvalidThreshold(threshold)
    label: Label = "pneumonia" if reading.probability >= threshold else "normal"
    attention = reading.lung_attention()
    return Screening(
        reading=reading,
        point=point,
        threshold=threshold,
        label=label,
        lung_attention=attention,
        warnings=tuple(_warnings(reading, point, label, attention)),
        triage=_triage(reading, point, promise),
    )


def _triage(reading: Reading, point: OperatingPoint, promise: Promise | None) -> Triage | None:
    """The site's bounds, else validation's; none for models whose scores were not fixed here."""
    population = None if point.population == "unknown" else point.population
    if reading.site:
        return reading.site.triage(population)
    if promise is None or not reading.model.fixed_here:
        return None
    return bounds.of_validation(reading.card, population, promise)


def screen(
    radiograph: Radiograph,
    model: Classifier | str,
    population: PopulationChoice = "auto",
    threshold: float | None = None,
    override: bool = False,
    promise: Promise | None = None,
) -> Screening:
    """`read`, then `decide`."""
    return decide(read(radiograph, model, override=override), population, threshold, promise)


def _warnings(reading: Reading, point: OperatingPoint, label: Label, attention: float | None) -> list[str]:
    warnings = []
    if reading.overridden:
        warnings.append(f"Screened all the same, although it was refused: {reading.overridden.message}")
    if label == "pneumonia" and attention is not None and attention < MOSTLY_INSIDE:
        warnings.append(
            f"Only {100 * attention:.0f} % of the heat lies inside the outlined lungs: this call rests mostly on what "
            f"lies outside. {OUTLINES}"
        )
    warnings += [*reading.notes, *reading.source_warnings]
    if reading.model.fixed_here:
        warnings += _warnings_of_age(reading, point)
    if reading.examination:
        warnings += [defect.message for defect in reading.examination.defects]
    return warnings


def _warnings_of_age(reading: Reading, point: OperatingPoint) -> list[str]:
    warnings = []
    if point.population == "unknown":
        warnings.append(
            "The patient's age is unknown: the more sensitive of the two operating points applies, "
            f"the one for {GROUPS[point.measured_on]}."
        )
    if not has_figures(reading.age):
        warnings.append("The model learned from children of 1 to 5 years and from adults: no figures for this age.")
    return warnings

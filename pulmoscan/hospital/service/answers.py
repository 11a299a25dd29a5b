"""What the service answers: the shapes that its OpenAPI page shows, and errors by stable codes."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pulmoscan import errors
from pulmoscan.models import site_profile
from pulmoscan.models.registry import MODELS
from pulmoscan.screening import load_model

Format = Literal["json", "png", "pdf", "dicom-sr", "dicom-sc", "fhir"]
MIME = {"fhir": "application/fhir+json"}


class Problem(BaseModel):
    """Why there is no answer.

    Attributes:
        code: stable, for programs: `refused-by-gate`, `empty-file`, …
        message: for persons: what is wrong, and what to do about it.
    """

    code: str
    message: str


class OperatingPoint(BaseModel):
    """A threshold and what was measured there on the test split."""

    population: Literal["child", "adult"]
    threshold: float
    sensitivity: str
    specificity: str
    auc: str


class Model(BaseModel):
    """A model that is installed.

    Attributes:
        site: name and checksum of the site profile that it goes by; null without one.
        note: that the profile in force is for another model; empty where that is not so.
    """

    name: str
    title: str
    weights_sha256: str
    site: str | None
    note: str
    operating_points: list[OperatingPoint]


class Figure(BaseModel):
    """An estimate with its 95 % interval, on n radiographs."""

    estimate: float | None
    low: float | None
    high: float | None
    n: int


class MeasuredAt(BaseModel):
    """What was measured at the threshold in force."""

    split: str
    patients: str
    sensitivity: Figure
    specificity: Figure


class PointInForce(BaseModel):
    """The operating point that applies."""

    population: Literal["child", "adult"]
    threshold: float


class ScreeningAnswer(BaseModel):
    """One screening; the same as the JSON report of `pulmoscan screen`."""

    model_config = ConfigDict(extra="allow")

    software: str
    version: str
    created: str
    disclaimer: str
    file: str | None
    model: str
    weights_sha256: str
    precision: str
    probability: float = Field(ge=0, le=1)
    threshold: float = Field(ge=0, le=1)
    label: Literal["pneumonia", "normal"]
    population: Literal["child", "adult", "unknown"]
    operating_point: PointInForce
    measured_at_threshold: MeasuredAt | None
    not_measured: str | None
    lung_attention: float | None
    peak_heat: float
    warnings: list[str]
    milliseconds: float


def models() -> list[Model]:
    """All of ours that can be used.

    Raises:
        ModelError: one cannot be.
    """
    found = []
    for spec in MODELS.values():
        model = load_model(spec.name)
        card, others = model.card, model.profiles_of_others
        points = []
        for population, threshold in card.thresholds.items():
            scores = card.scores[population, "test"]
            at = scores.at(threshold)
            points.append(
                OperatingPoint(
                    population=population,
                    threshold=threshold,
                    sensitivity=at.sensitivity.percent,
                    specificity=at.specificity.percent,
                    auc=scores.auc.decimal,
                )
            )
        found.append(
            Model(
                name=spec.name,
                title=spec.title,
                weights_sha256=card.weights_sha256,
                site=model.site.label if model.site else None,
                note=site_profile.not_for(others, spec.name) if others else "",
                operating_points=points,
            )
        )
    return found


STATUS: tuple[tuple[type[errors.PulmoScanError], int], ...] = (
    (errors.FileTooLarge, 413),
    (errors.ImageTooLarge, 413),
    (errors.UnsupportedFormat, 415),
    (errors.UnsuitableRadiograph, 422),
    (errors.RadiographError, 400),
    (errors.UnknownModel, 404),
    (errors.InvalidThreshold, 400),
    (errors.UnknownPopulation, 400),
    (errors.ModelError, 503),
    (errors.SiteProfileDamaged, 503),
    (errors.SiteProfileMismatch, 503),
    (errors.SiteProfilesClash, 503),
)
"""The first that fits counts; what is not listed is 500."""


def status_of(error: errors.PulmoScanError) -> int:
    """The HTTP status of an error."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def problem(error: errors.PulmoScanError, anonymous: bool = False) -> dict[str, Any]:
    """An error as the service says it; the code is the error's name."""
    code = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", type(error).__name__).lower()
    message = error.anonymous if anonymous and isinstance(error, errors.RadiographError) else str(error)
    return Problem(code=code, message=message).model_dump()

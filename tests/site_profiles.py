"""Made-up profiles of a site."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pulmoscan.models import preprocessing, site_profile
from pulmoscan.models.site_profile import Bounds, Calibration, Figure, Part, Region, SiteProfile
from pulmoscan.population import Population
from pulmoscan.screening import load_model

MODEL = "resnet18"


def part(threshold: float = 0.6, low: float | None = 0.2, high: float | None = 0.8) -> Part:
    figure = Figure(estimate=0.9, low=0.8, high=0.95, n=100)
    return Part(
        threshold=threshold,
        target=0.9,
        sensitivity=figure,
        specificity=figure,
        triage=Bounds(
            miss_rate=0.02,
            false_alarm_rate=0.05,
            confidence=0.95,
            rule_out=Region(threshold=low, n=200, errors=0, needed=0 if low else 20),
            rule_in=Region(threshold=high, n=200, errors=4, needed=0),
        ),
    )


def profile(weights: str, populations: dict[Population, Part] | None = None, **changed: object) -> SiteProfile:
    content: dict[str, Any] = {
        "name": "St Elsewhere",
        "created": "2026-11-27T19:00:00+00:00",
        "software": "PulmoScan",
        "model": MODEL,
        "weights_sha256": weights,
        "precision": "float32",
        "preprocessing": preprocessing.fingerprint(),
        "labels_sha256": "00" * 32,
        "prevalence": 0.1,
        "accepted": True,
        "populations": populations or {"child": part()},
        "calibration": Calibration(kind="temperature", temperature=2.0),
        **changed,
    }
    return site_profile.signed(SiteProfile(**content))


def write(path: Path, model: str = MODEL, **changed: object) -> SiteProfile:
    """The profile of an installed model for adults and children, as a file."""
    model_ = load_model(model)
    found = profile(
        model_.card.weights_sha256,
        {"child": part(), "adult": part(0.61)},
        model=model,
        precision=model_.settings.precision,
        **changed,
    )
    site_profile.write_profile(path, found)
    return found

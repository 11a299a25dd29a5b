"""Fix on validation what the pages need: temperature, operating points, heat method and reference; write the card."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pulmoscan.errors import DatasetError, WeightsMissing
from pulmoscan.models.card import Card, HeatMethod, write_card
from pulmoscan.models.classifier import Classifier
from pulmoscan.models.registry import ModelSpec
from pulmoscan.population import POPULATIONS, Population
from pulmoscan.statistics import operating_points
from pulmoscan.statistics.calibration import fit_temperature, temperature_scaled
from pulmoscan.statistics.metrics import Estimate, Scores
from pulmoscan.training.data.datasets import load_datasets, select
from pulmoscan.training.evaluation.scoring import Scored, score

TARGET_SENSITIVITY: Mapping[Population, float] = {"child": 0.99, "adult": 0.95}
"""Validation sensitivity of “high sensitivity”, the default. The last half per cent of the children's pneumonias is
noise of the labels, and would cost much of the specificity. Adults' pneumonias on validation are few: their threshold
comes from a fit, see `operating_points`."""

MAXIMUM_SENSITIVITY: Mapping[Population, float] = {"child": 0.995, "adult": 0.99}
"""That of “maximum sensitivity”."""

HEAT_REFERENCE_PERCENTILE = 75.0
"""Three quarters of the validation pneumonias stay below full strength at their hottest cell."""


def calibrate(spec: ModelSpec, data: Sequence[Path], training: Mapping[str, Any]) -> Card:
    """Measure the weights in `spec.weights_path` on the validation split and write their card.

    Args:
        training: the training record to keep in the card.

    Raises:
        WeightsMissing, WeightsDamaged: the weights cannot be used.
        DatasetError: the data has no validation radiographs of a population.
    """
    try:
        weights = spec.weights_path.read_bytes()
    except OSError as error:
        raise WeightsMissing(spec.weights_path) from error
    uncalibrated = Card(
        weights_sha256=hashlib.sha256(weights).hexdigest(),
        thresholds=dict.fromkeys(POPULATIONS, 0.5),
        target_sensitivity=TARGET_SENSITIVITY,
        heat_method="gradcam",
        heat_reference=1.0,
        scores={},
        training=training,
    )
    examples = select(load_datasets(data), "validation")
    for population in POPULATIONS:
        if {e.label for e in examples if e.population == population} != {0, 1}:
            raise DatasetError(f"The data holds no validation radiographs of population {population}: give both sets.")
    scored = score(Classifier(spec, uncalibrated, weights), examples)
    temperature = round(_temperature(scored), 4)
    scores: dict[tuple[Population, str], Scores] = {
        (population, "validation"): _scores(scored, population, temperature) for population in POPULATIONS
    }
    method = _better_heat_method(scored)
    card = Card(
        weights_sha256=uncalibrated.weights_sha256,
        thresholds=_points(scores, TARGET_SENSITIVITY),
        target_sensitivity=TARGET_SENSITIVITY,
        maximum=_points(scores, MAXIMUM_SENSITIVITY),
        balanced={p: operating_points.balanced(scores[p, "validation"]) for p in POPULATIONS},
        temperature=temperature,
        heat_method=method,
        heat_reference=_heat_reference(scored, method),
        scores=scores,
        training=training,
        evidence={f"operating points, {p}, validation": _intervals(scores[p, "validation"], p) for p in POPULATIONS},
    )
    write_card(spec, card)
    return card


def _points(
    scores: Mapping[tuple[Population, str], Scores], sensitivity: Mapping[Population, float]
) -> dict[Population, float]:
    return {p: operating_points.for_sensitivity(scores[p, "validation"], sensitivity[p]) for p in POPULATIONS}


def _intervals(scores: Scores, population: Population) -> dict[str, Estimate]:
    """How far the operating points would move had other patients validated."""
    wanted = {
        "maximum sensitivity, threshold": MAXIMUM_SENSITIVITY[population],
        "high sensitivity, threshold": TARGET_SENSITIVITY[population],
    }
    return {
        name: operating_points.bootstrap(scores, partial(operating_points.for_sensitivity, sensitivity=sensitivity))
        for name, sensitivity in wanted.items()
    }


def _temperature(scored: Sequence[Scored]) -> float:
    """One for both populations; each class of each of them has equal say."""
    groups = [(s.example.population, s.example.label) for s in scored]
    counts = Counter(groups)
    return fit_temperature(
        np.array([s.reading.logit for s in scored]),
        np.array([bool(s.example.label) for s in scored]),
        np.array([1 / counts[group] for group in groups]),
    )


def _scores(scored: Sequence[Scored], population: Population, temperature: float) -> Scores:
    chosen = [s for s in scored if s.example.population == population]
    return Scores.of(
        [s.example.label for s in chosen],
        temperature_scaled(np.array([s.reading.logit for s in chosen]), temperature),
        [s.example.path.name for s in chosen],
    )


def _better_heat_method(scored: Sequence[Scored]) -> HeatMethod:
    """The method with the larger share of heat inside the radiologists' boxes, over validation pneumonias with boxes.

    Without boxes, inside the lungs, over those with a mask.
    """
    ill = [s for s in scored if s.example.label]
    methods: tuple[HeatMethod, ...] = ("gradcam", "hirescam")
    if any(s.example.boxes for s in ill):
        shares = {method: np.nanmean([s.heat_inside_boxes(method) for s in ill]) for method in methods}
    else:
        shares = {method: np.nanmean([s.heat_inside_lungs(method) for s in ill]) for method in methods}
    return max(methods, key=lambda method: round(float(shares[method]), 4))


def _heat_reference(scored: Sequence[Scored], method: HeatMethod) -> float:
    peaks = [float(s.reading.evidence[method].max()) for s in scored if s.example.label]
    return round(float(np.percentile(peaks, HEAT_REFERENCE_PERCENTILE)), 4)

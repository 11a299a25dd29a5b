"""What another runtime or precision changes in probabilities, heatmaps, decisions and AUC, against eager PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pulmoscan.models.classifier import Classifier
from pulmoscan.models.loading import load_classifier
from pulmoscan.models.registry import get_spec
from pulmoscan.population import POPULATIONS, Population
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.runtime import Settings, installed, settings
from pulmoscan.screening import read_with
from pulmoscan.statistics.metrics import Scores
from pulmoscan.training.data.datasets import Example, Split, load_datasets, select


@dataclass(frozen=True)
class Change:
    """How far one way of running a model lies from the reference, over n radiographs.

    Attributes:
        probability: largest difference.
        heat: largest difference of a cell, as a share of full strength.
        flipped: decisions that differ, each at its population's operating point.
        auc: of each population, the reference's and this way's; absent where the examples hold one class alone.
    """

    way: str
    n: int
    probability: float
    heat: float
    flipped: int
    auc: dict[Population, tuple[float, float]]


def measure(model: str, data: Sequence[Path], split: Split, limit: int, tick: Callable[[], object]) -> list[Change]:
    """Read up to `limit` radiographs of a split, evenly spread, in every way that this machine has.

    Raises:
        ModelError: the model cannot be used.
        DatasetError: the data has no known layout.
    """
    spec, loaded = get_spec(model), load_classifier(model)
    weights = spec.weights_path.read_bytes()
    chosen = _spread(select(load_datasets(data), split), limit)
    how = settings()
    others = [Settings(r, threads=how.threads) for r in ("openvino", "onnxruntime") if installed(r)]
    if installed("openvino"):
        others.append(Settings("openvino", "bfloat16", how.threads))
    reference, *classifiers = (
        Classifier(spec, loaded.card, weights, s) for s in (replace(how, runtime="torch", precision="float32"), *others)
    )
    readings = []
    for example in chosen:
        radiograph = load_radiograph(example.path)
        readings.append([read_with(c, radiograph) for c in (reference, *classifiers)])
        tick()
    thresholds = np.array([loaded.card.thresholds[e.population] for e in chosen])
    scores = np.array([[r.probability for r in row] for row in readings])
    changes = []
    for column, way in enumerate(others, start=1):
        heat = max(
            float(np.abs(row[column].evidence[m] - row[0].evidence[m]).max()) / loaded.card.heat_reference
            for row in readings
            for m in row[0].evidence
        )
        flipped = (scores[:, column] >= thresholds) != (scores[:, 0] >= thresholds)
        changes.append(
            Change(
                way=f"{way.runtime} {way.precision}",
                n=len(chosen),
                probability=float(np.abs(scores[:, column] - scores[:, 0]).max()),
                heat=heat,
                flipped=int(flipped.sum()),
                auc=_aucs(chosen, scores[:, 0], scores[:, column]),
            )
        )
    return changes


def _spread(examples: list[Example], limit: int) -> list[Example]:
    if len(examples) <= limit:
        return examples
    return [examples[round(i)] for i in np.linspace(0, len(examples) - 1, limit)]


def _aucs(examples: Sequence[Example], before: np.ndarray, after: np.ndarray) -> dict[Population, tuple[float, float]]:
    found: dict[Population, tuple[float, float]] = {}
    for population in POPULATIONS:
        rows = [i for i, e in enumerate(examples) if e.population == population]
        labels = [examples[i].label for i in rows]
        if {0, 1} <= set(labels):
            first, second = (Scores.of(labels, [float(s[i]) for i in rows]).auc.estimate for s in (before, after))
            found[population] = (first, second)
    return found

"""Does a radiograph score like its small copy? Originals against their 224-pixel copies, pair by pair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pulmoscan.errors import DatasetError
from pulmoscan.models.loading import load_classifier
from pulmoscan.statistics import metrics
from pulmoscan.statistics.metrics import Estimate
from pulmoscan.training.data.datasets import Split, load_dataset, select
from pulmoscan.training.evaluation.scoring import score


@dataclass(frozen=True, eq=False)
class Parity:
    """How far the scores of originals and copies lie apart."""

    difference: Estimate  # mean |Δ probability|
    largest: float
    changed: Mapping[str, Estimate]  # share of decisions that differ, by operating point


def parity(model: str, data: Path, split: Split) -> Parity:
    """Compare the two versions of every radiograph of a split that has both.

    Raises:
        ModelError: the model cannot be used.
        DatasetError: the data holds no originals.
    """
    classifier = load_classifier(model)
    copies = [e for e in select(load_dataset(data), split) if e.original]
    if not copies:
        raise DatasetError(
            f"{data} holds no originals448 folder with radiographs of the {split} split. Give the dataset that does; "
            "see docs/weights.md."
        )
    originals = [replace(e, path=e.original) for e in copies if e.original]
    of_copies, of_originals = (
        np.array([s.reading.probability for s in score(classifier, examples)]) for examples in (copies, originals)
    )
    apart = np.abs(of_originals - of_copies)
    changed = {
        point: metrics.proportion(int(((of_originals >= at) != (of_copies >= at)).sum()), len(copies))
        for point, at in classifier.card.points("child").items()
    }
    return Parity(metrics.mean(apart), float(apart.max()), changed)


def describe(model: str, split: Split, result: Parity) -> str:
    """The lines that the command line prints."""
    d = result.difference
    return "\n".join(
        [
            f"{model} · originals against 224-pixel copies · {split} · {d.n} pairs",
            f"  mean |difference|      {d.estimate:.4f} ({d.low:.4f} to {d.high:.4f}), largest {result.largest:.3f}",
            "  changed decisions",
            *(f"    {point:<21}{share.percent}" for point, share in result.changed.items()),
        ]
    )

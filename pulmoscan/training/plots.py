"""The figures of a model card: ROC, precision-recall, reliability and the threshold sweep, from stored scores."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from pulmoscan.calibration import expected_calibration_error, reliability
from pulmoscan.metrics import Scores
from pulmoscan.registry import Card, ModelSpec, Population

matplotlib.use("agg")

COLOURS = {"validation": "#8a8a8a", "test": "#0b6e99"}
POINTS = {"high sensitivity": "#c8553d", "balanced": "#e0a030"}


def draw_evidence(spec: ModelSpec, card: Card, population: Population, path: Path) -> None:
    """Four curves of one population, validation and test, as PNG; raises KeyError where a split was not measured."""
    splits = {split: card.scores[population, split] for split in COLOURS}
    points = card.points(population)
    drawing = Drawing(figsize=(9, 8.4), layout="constrained")
    group = {"child": "children", "adult": "adults"}[population]
    drawing.suptitle(f"{spec.title}, {group}")
    axes = drawing.subplots(2, 2)
    _roc(axes[0, 0], splits, points)
    _precision_recall(axes[0, 1], splits, points)
    _reliability(axes[1, 0], splits)
    _sweep(axes[1, 1], splits["test"], points)
    path.parent.mkdir(parents=True, exist_ok=True)
    drawing.savefig(path, dpi=90)


def _roc(axis: Axes, splits: dict[str, Scores], points: dict[str, float]) -> None:
    for split, scores in splits.items():
        false_alarms, found, _ = roc_curve(*_labelled(scores))
        axis.plot(false_alarms, found, color=COLOURS[split], label=f"{split}, AUC {scores.auc.estimate:.3f}")
    for name, threshold in points.items():
        at = splits["test"].at(threshold)
        axis.plot(1 - at.specificity.estimate, at.sensitivity.estimate, "o", color=POINTS[name], label=name)
    axis.set(xlabel="1 − specificity", ylabel="sensitivity", title="ROC curve")
    axis.legend(loc="lower right")


def _precision_recall(axis: Axes, splits: dict[str, Scores], points: dict[str, float]) -> None:
    for split, scores in splits.items():
        precision, recall, _ = precision_recall_curve(*_labelled(scores))
        axis.plot(recall, precision, color=COLOURS[split], label=split)
    for name, threshold in points.items():
        at = splits["test"].at(threshold)
        axis.plot(at.sensitivity.estimate, at.ppv.estimate, "o", color=POINTS[name], label=name)
    axis.set(xlabel="sensitivity (recall)", ylabel="PPV (precision)", title="Precision and recall", ylim=(0, 1.02))
    axis.legend(loc="lower left")


def _reliability(axis: Axes, splits: dict[str, Scores]) -> None:
    axis.plot([0, 1], [0, 1], color="#cccccc", linewidth=1)
    for split, scores in splits.items():
        bins = reliability(scores)
        label = f"{split}, calibration error {expected_calibration_error(scores):.3f}"
        axis.plot(
            [b.mean_probability for b in bins], [b.observed for b in bins], "o-", color=COLOURS[split], label=label
        )
    axis.set(xlabel="probability", ylabel="share with pneumonia", title="Reliability, both classes weighing alike")
    axis.legend(loc="upper left")


def _sweep(axis: Axes, test: Scores, points: dict[str, float]) -> None:
    thresholds = np.linspace(0, 1, 201)
    axis.plot(thresholds, [test.at(t).sensitivity.estimate for t in thresholds], color="#c8553d", label="sensitivity")
    axis.plot(thresholds, [test.at(t).specificity.estimate for t in thresholds], color="#0b6e99", label="specificity")
    for name, threshold in points.items():
        axis.axvline(threshold, color=POINTS[name], linestyle=":", label=name)
    axis.set(xlabel="threshold", title="Threshold sweep, test", ylim=(0, 1.02))
    axis.legend(loc="lower center")


def _labelled(scores: Scores) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    labels = np.repeat([0.0, 1.0], [len(scores.normal), len(scores.pneumonia)])
    return labels, np.r_[scores.normal, scores.pneumonia]

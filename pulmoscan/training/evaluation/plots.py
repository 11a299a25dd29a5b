"""The figures of a model card, from its stored scores: ROC, precision-recall, reliability, threshold sweep, decision
curve; and how validation went while the network was trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from pulmoscan.models.card import Card
from pulmoscan.models.registry import ModelSpec
from pulmoscan.population import Population
from pulmoscan.statistics import lab
from pulmoscan.statistics.calibration import expected_calibration_error, reliability
from pulmoscan.statistics.metrics import Scores

COLOURS = {"validation": "#8a8a8a", "test": "#0b6e99"}
POINTS = {"maximum sensitivity": "#8a2d5e", "high sensitivity": "#c8553d", "balanced": "#e0a030"}


def draw_evidence(spec: ModelSpec, card: Card, population: Population, path: Path) -> None:
    """The curves of one population, validation and test, as PNG; raises KeyError where a split was not measured."""
    splits = {split: card.scores[population, split] for split in COLOURS}
    points = card.points(population)
    drawing = Drawing(figsize=(9, 12.4), layout="constrained")
    group = {"child": "children", "adult": "adults"}[population]
    drawing.suptitle(f"{spec.title}, {group}")
    axes = drawing.subplots(3, 2)
    _roc(axes[0, 0], splits, points)
    _precision_recall(axes[0, 1], splits, points)
    _reliability(axes[1, 0], splits)
    _sweep(axes[1, 1], splits["test"], points)
    _decision_curve(axes[2, 0], splits["test"], points)
    _training(axes[2, 1], card, population)
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


def _decision_curve(axis: Axes, test: Scores, points: dict[str, float]) -> None:
    prevalence = lab.prevalence(test)
    axis.plot(lab.GRID, lab.net_benefit(lab.rates(test), prevalence), color=COLOURS["test"], label="model")
    axis.plot(lab.GRID, lab.treat_all(prevalence), color="#8a8a8a", label="treat all")
    axis.axhline(0, color="#8a8a8a", linestyle="--", label="treat none")
    for name, threshold in points.items():
        axis.axvline(threshold, color=POINTS[name], linestyle=":", label=name)
    axis.set(
        xlabel="threshold probability",
        ylabel="net benefit",
        title=f"Decision curve, test (prevalence {100 * prevalence:.0f} %)",
        xlim=(0, 1),
        ylim=(-0.15 * prevalence, 1.05 * prevalence),
    )
    axis.legend(loc="best")


def _training(axis: Axes, card: Card, population: Population) -> None:
    name = f"{population}_auc"
    curve = [(epoch["epoch"], epoch[name]) for epoch in card.training.get("curves", []) if name in epoch]
    axis.plot([epoch for epoch, _ in curve], [auc for _, auc in curve], "o-", color=COLOURS["validation"])
    axis.set(xlabel="epoch", ylabel="AUC", title="Validation during training", ylim=(0.5, 1.02))
    axis.set_xticks([epoch for epoch, _ in curve])


def _labelled(scores: Scores) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    labels = np.repeat([0.0, 1.0], [len(scores.normal), len(scores.pneumonia)])
    return labels, np.r_[scores.normal, scores.pneumonia]

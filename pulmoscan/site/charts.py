"""The acceptance report's figures on one sheet: ROC, precision-recall, calibration, decision curve, scores by class."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet

from pulmoscan.export.words import LOOKS
from pulmoscan.site.acceptance import Acceptance
from pulmoscan.statistics import calibration, lab
from pulmoscan.statistics.bands import Band
from pulmoscan.statistics.metrics import Scores

DOTS_PER_INCH = 170
LINE, SHADE = "#0b4d5e", "#b7d6de"


def sheet(acceptance: Acceptance) -> bytes:
    """As PNG."""
    figure = Sheet(figsize=(10, 9.6), layout="constrained")
    axes = figure.subplots(3, 2, height_ratios=(1, 1, 0.75))
    (roc, recall), (reliability, benefit), (histogram, zones) = axes
    _roc(roc, acceptance)
    _recall(recall, acceptance)
    _reliability(reliability, acceptance)
    _benefit(benefit, acceptance)
    _histogram(histogram, acceptance.scores, acceptance)
    _zones(zones, acceptance)
    for axis in axes.flat:
        if axis.get_legend_handles_labels()[0]:
            axis.legend(fontsize=8, frameon=False)
        axis.spines[["top", "right"]].set_visible(False)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DOTS_PER_INCH)
    return stream.getvalue()


def _band(axis: Axes, band: Band, label: str) -> None:
    axis.fill_between(band.x, band.low, band.high, color=SHADE, linewidth=0, label="95 % band")
    axis.plot(band.x, band.y, color=LINE, label=label)


def _roc(axis: Axes, acceptance: Acceptance) -> None:
    axis.plot([0, 1], [0, 1], color="0.8", linewidth=1)
    _band(axis, acceptance.bands.roc, f"AUC {acceptance.figures['auc'].estimate:.3f}")
    at = acceptance.confusion
    axis.plot(1 - at.specificity.estimate, at.sensitivity.estimate, "o", color="black", label="at the operating points")
    axis.set(title="ROC", xlabel="1 − specificity", ylabel="sensitivity", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))


def _recall(axis: Axes, acceptance: Acceptance) -> None:
    band = acceptance.bands.recall
    _band(axis, Band(band.x[1:], band.y[1:], band.low[1:], band.high[1:]), "precision")
    axis.set(
        title=f"Precision and recall at a prevalence of {100 * acceptance.prevalence:.1f} %",
        xlabel="sensitivity (recall)",
        ylabel="PPV (precision)",
        xlim=(-0.01, 1.01),
        ylim=(-0.01, 1.01),
    )


def _reliability(axis: Axes, acceptance: Acceptance) -> None:
    axis.plot([0, 1], [0, 1], color="0.8", linewidth=1)
    bins = acceptance.reliability
    axis.plot([b.mean_probability for b in bins], [b.observed for b in bins], "o-", color=LINE, label="as it comes")
    recalibration, scores = acceptance.recalibration, acceptance.scores
    if recalibration.kind != "none":
        after = Scores(recalibration.apply(scores.normal), recalibration.apply(scores.pneumonia))
        bins = calibration.reliability(after)
        axis.plot(
            [b.mean_probability for b in bins],
            [b.observed for b in bins],
            "s--",
            color="#c8553d",
            label=f"recalibrated ({recalibration.kind})",
        )
    axis.set(
        title="Calibration (both classes alike)",
        xlabel="probability",
        ylabel="share with pneumonia",
        xlim=(-0.01, 1.01),
        ylim=(-0.01, 1.01),
    )


def _benefit(axis: Axes, acceptance: Acceptance) -> None:
    prevalence, band = acceptance.prevalence, acceptance.bands.benefit
    _band(axis, band, "model")
    axis.plot(lab.GRID, lab.treat_all(prevalence), linewidth=1, color="0.5", label="treat all")
    axis.axhline(0, linewidth=1, color="0.4", linestyle="--", label="treat none")
    axis.set(
        title=f"Decision curve at a prevalence of {100 * prevalence:.1f} %",
        xlabel="threshold probability",
        ylabel="net benefit",
        xlim=(0, 1),
        ylim=(-0.15 * prevalence, 1.1 * prevalence),
    )


def _histogram(axis: Axes, scores: Scores, acceptance: Acceptance) -> None:
    edges = np.linspace(0, 1, lab.HISTOGRAM_BINS + 1).tolist()
    for name, values, look in (
        ("without", scores.normal, LOOKS["normal"]),
        ("pneumonia", scores.pneumonia, LOOKS["pneumonia"]),
    ):
        axis.stairs(
            lab.histogram(values), edges, fill=True, alpha=0.55, color=look.strong, label=f"{name}, n = {len(values)}"
        )
    for threshold in acceptance.thresholds.values():
        axis.axvline(threshold, color="black", linewidth=1)
    axis.set(title="Scores by class", xlabel="probability", ylabel="share of the class")


def _zones(axis: Axes, acceptance: Acceptance) -> None:
    """Where the triage of each population puts the two classes."""
    rows = [
        (f"{here.population}, {name}", counts)
        for here in acceptance.triage
        for name, counts in (("pneumonia", here.counts.pneumonia), ("without", here.counts.normal))
        if sum(counts.values())
    ]
    axis.set(title="Triage in three ways", xlabel="share of the class", xlim=(0, 1))
    if not rows:
        axis.text(0.5, 0.5, "the population of no radiograph is known", ha="center", transform=axis.transAxes)
        return
    left = np.zeros(len(rows))
    colours = {"rule out": LOOKS["normal"].side, "uncertain": "#d5dee2", "rule in": LOOKS["pneumonia"].side}
    for call, colour in colours.items():
        widths = np.array([counts[call] / sum(counts.values()) for _, counts in rows])  # type: ignore[index]
        axis.barh([name for name, _ in rows], widths, left=left, color=colour, label=call)
        left += widths
    axis.invert_yaxis()

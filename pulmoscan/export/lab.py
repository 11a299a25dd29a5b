"""What the threshold lab gives away: its curves and error lists as CSV, its figures as PNG and SVG."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet

from pulmoscan import DISCLAIMER
from pulmoscan.export.tables import escape_formula
from pulmoscan.export.words import LOOKS
from pulmoscan.statistics import lab
from pulmoscan.statistics.metrics import Scores

DOTS_PER_INCH = 200
CURVE_FIELDS = (
    "threshold",
    "true_positives",
    "false_negatives",
    "true_negatives",
    "false_positives",
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
    "net_benefit",
)


def curves_csv(scores: Scores, prevalence: float) -> str:
    """Counts and figures at every threshold of the lab, one row each; empty where a figure is not defined."""
    stream = io.StringIO()
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow((*CURVE_FIELDS, "prevalence"))
    at = lab.rates(scores)
    benefit = lab.net_benefit(at, prevalence)
    found = np.round(at.sensitivity * len(scores.pneumonia))
    cleared = np.round(at.specificity * len(scores.normal))
    for i, threshold in enumerate(lab.GRID):
        sensitivity, specificity = float(at.sensitivity[i]), float(at.specificity[i])
        ill, well = sensitivity * prevalence, specificity * (1 - prevalence)
        counts = (found[i], len(scores.pneumonia) - found[i], cleared[i], len(scores.normal) - cleared[i])
        figures = (
            sensitivity,
            specificity,
            _ratio(ill, (1 - specificity) * (1 - prevalence)),
            _ratio(well, (1 - sensitivity) * prevalence),
            float(benefit[i]) if np.isfinite(benefit[i]) else None,
        )
        rows.writerow(
            (
                f"{threshold:.3f}",
                *(int(n) for n in counts),
                *("" if f is None else round(f, 6) for f in figures),
                round(prevalence, 6),
            )
        )
    return stream.getvalue()


def errors_csv(scores: Scores, threshold: float) -> str:
    """The radiographs that are judged wrongly at a threshold."""
    stream = io.StringIO()
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow(("file", "probability", "threshold", "error"))
    for kind, cases in (
        ("missed pneumonia", scores.missed(threshold)),
        ("false positive", scores.false_alarms(threshold)),
    ):
        rows.writerows((escape_formula(file), probability, threshold, kind) for file, probability in cases)
    return stream.getvalue()


def sheet(
    title: str,
    subjects: Mapping[str, Scores],
    chosen: str,
    threshold: float,
    prevalence: float,
    file_format: Literal["png", "svg"],
) -> bytes:
    """The four figures on one sheet: ROC, precision-recall, scores by class, decision curve.

    Args:
        subjects: whose curves are drawn; both classes of each hold at least one radiograph.
        chosen: the one that threshold, histogram and decision curve belong to.
    """
    figure = Sheet(figsize=(10, 8.6), layout="constrained")
    (roc, recall), (histogram, benefit) = figure.subplots(2, 2)
    scores = subjects[chosen]
    counts = scores.at(threshold)
    _draw_curves(roc, recall, subjects, chosen, prevalence)
    point: dict[str, Any] = {"marker": "o", "color": "black", "zorder": 5, "linestyle": "none"}
    sensitivity, specificity = counts.sensitivity, counts.specificity
    roc.errorbar(
        1 - specificity.estimate,
        sensitivity.estimate,
        xerr=[[specificity.high - specificity.estimate], [specificity.estimate - specificity.low]],
        yerr=[[sensitivity.estimate - sensitivity.low], [sensitivity.high - sensitivity.estimate]],
        label=f"threshold {threshold:.3f}, 95 % intervals",
        **point,
    )
    ppv = lab.predictive_values(counts, prevalence).ppv
    if ppv.n:
        recall.plot(sensitivity.estimate, ppv.estimate, label=f"threshold {threshold:.3f}", **point)
    _draw_histogram(histogram, scores, threshold)
    _draw_benefit(benefit, scores, chosen, threshold, prevalence)
    for axes in (roc, recall, histogram, benefit):
        axes.legend(fontsize=8, frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=12)
    figure.supxlabel(DISCLAIMER, fontsize=8, color="0.35")
    stream = io.BytesIO()
    metadata: dict[str, Any] = {"Title": title, "Date": None} if file_format == "svg" else {"Title": title}
    figure.savefig(stream, format=file_format, dpi=DOTS_PER_INCH, metadata=metadata)
    return stream.getvalue()


def _draw_curves(roc: Axes, recall: Axes, subjects: Mapping[str, Scores], chosen: str, prevalence: float) -> None:
    roc.plot([0, 1], [0, 1], color="0.8", linewidth=1)
    for name, scores in subjects.items():
        width = 2.0 if name == chosen else 1.0
        curve = lab.roc(scores)
        roc.plot(curve.x, curve.y, linewidth=width, label=f"{name}: AUC {scores.auc.decimal}")
        curve = lab.precision_recall(scores, prevalence)
        area = lab.average_precision(scores, prevalence)
        recall.step(curve.x, curve.y, where="post", linewidth=width, label=f"{name}: AP {area.estimate:.3f}")
    roc.set(title="ROC", xlabel="1 − specificity", ylabel="sensitivity", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    recall.set(
        title=f"Precision and recall at a prevalence of {100 * prevalence:.1f} %",
        xlabel="sensitivity (recall)",
        ylabel="PPV (precision)",
        xlim=(-0.01, 1.01),
        ylim=(-0.01, 1.01),
    )


def _draw_histogram(axes: Axes, scores: Scores, threshold: float) -> None:
    edges: Sequence[float] = np.linspace(0, 1, lab.HISTOGRAM_BINS + 1).tolist()
    for name, values, colour in (
        ("normal", scores.normal, LOOKS["normal"].strong),
        ("pneumonia", scores.pneumonia, LOOKS["pneumonia"].strong),
    ):
        axes.stairs(
            lab.histogram(values), edges, fill=True, alpha=0.55, color=colour, label=f"{name}, n = {len(values)}"
        )
    axes.axvline(threshold, color="black", linewidth=1)
    axes.set(title="Scores by class", xlabel="probability", ylabel="share of the class (square-root scale)")
    axes.set_yscale("function", functions=(np.sqrt, np.square))


def _draw_benefit(axes: Axes, scores: Scores, chosen: str, threshold: float, prevalence: float) -> None:
    axes.plot(lab.GRID, lab.net_benefit(lab.rates(scores), prevalence), label=chosen)
    axes.plot(lab.GRID, lab.treat_all(prevalence), linewidth=1, color="0.6", label="treat all")
    axes.axhline(0, linewidth=1, color="0.4", linestyle="--", label="treat none")
    axes.axvline(threshold, color="black", linewidth=1)
    axes.set(
        title="Decision curve",
        xlabel="threshold probability",
        ylabel="net benefit",
        xlim=(0, 1),
        ylim=(-0.15 * prevalence, 1.05 * prevalence),
    )


def _ratio(right: float, wrong: float) -> float | None:
    return right / (right + wrong) if right + wrong > 0 else None

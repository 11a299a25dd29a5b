"""The threshold lab's charts as Vega-Lite, with the data beside the specification.

A drag of the threshold changes the data set `point` alone; the specification stays, so the browser moves the point and
draws nothing anew. Plain specifications rather than Altair objects, whose validation would cost most of a drag's time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pulmoscan.statistics import lab
from pulmoscan.statistics.bands import Band
from pulmoscan.statistics.metrics import Scores

Spec = dict[str, Any]

HEIGHT = 320
LEGEND_LINE = 16
"""Pixels that the chart grows by for each line of its legend, lest the curves be squeezed."""
COLOURS = ("#1f93ad", "#e08a3c", "#9a77d6", "#3fa66b", "#d1607f", "#8a8f98")
CLASS_COLOURS = {"normal": "#2f9e77", "pneumonia": "#e0772f"}
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4], [4, 6])
PICK = "pick"
"""Name of the selection that a click on the ROC curve makes."""
MAX_POINTS = 600
"""Of one curve on the screen; more are below a pixel apart."""


def roc_data(subjects: Mapping[str, Scores]) -> pd.DataFrame:
    """Columns who, x (1 − specificity), y (sensitivity), threshold."""
    return _curves({name: lab.roc(scores) for name, scores in subjects.items()})


def recall_data(subjects: Mapping[str, Scores], prevalence: float) -> pd.DataFrame:
    """Columns who, x (sensitivity), y (PPV), threshold."""
    return _curves({name: lab.precision_recall(scores, prevalence) for name, scores in subjects.items()})


def histogram_data(scores: Scores) -> pd.DataFrame:
    """Columns from, to, share, reference."""
    edges = np.linspace(0, 1, lab.HISTOGRAM_BINS + 1)
    parts = [
        pd.DataFrame({"from": edges[:-1], "to": edges[1:], "share": lab.histogram(values), "reference": name})
        for name, values in (("normal", scores.normal), ("pneumonia", scores.pneumonia))
    ]
    return pd.concat(parts, ignore_index=True)


def benefit_data(subjects: Mapping[str, Scores], prevalence: float) -> pd.DataFrame:
    """Columns who, threshold, benefit; on every fifth threshold of the lab."""
    every = slice(0, -1, 5)
    lines = {name: lab.net_benefit(lab.rates(scores), prevalence) for name, scores in subjects.items()}
    lines["treat all"] = lab.treat_all(prevalence)
    lines["treat none"] = np.zeros_like(lab.GRID)
    # What lies far below the picture is left out, lest a line be drawn there.
    parts = [
        pd.DataFrame({"who": name, "threshold": lab.GRID[every], "benefit": np.maximum(line[every], -prevalence)})
        for name, line in lines.items()
    ]
    return pd.concat(parts, ignore_index=True)


def point_data(scores: Scores, threshold: float, prevalence: float) -> pd.DataFrame:
    """One row: the operating point on every chart, with the ends of its intervals."""
    counts = scores.at(threshold)
    sensitivity, specificity = counts.sensitivity, counts.specificity
    ppv = lab.predictive_values(counts, prevalence).ppv
    return pd.DataFrame(
        {
            "threshold": [threshold],
            "fpr": [1 - specificity.estimate],
            "fpr_low": [1 - specificity.high],
            "fpr_high": [1 - specificity.low],
            "sensitivity": [sensitivity.estimate],
            "sensitivity_low": [sensitivity.low],
            "sensitivity_high": [sensitivity.high],
            "ppv": [ppv.estimate],
            "ppv_low": [ppv.low],
            "ppv_high": [ppv.high],
        }
    )


def band_data(band: Band) -> pd.DataFrame:
    """Columns x, low, high: where a curve's 95 % band lies."""
    return pd.DataFrame({"x": band.x, "low": band.low, "high": band.high})


def roc_chart(curves: pd.DataFrame, band: pd.DataFrame, point: pd.DataFrame) -> Spec:
    """ROC curve in its band, with the operating point and its intervals on it; a click on it picks a threshold."""
    diagonal = {
        "data": {"values": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]},
        "mark": {"type": "line", "strokeDash": [4, 4], "color": "#8a8f98", "strokeWidth": 1},
        "encoding": {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}},
    }
    curve = _curve("linear", "1 − specificity", "sensitivity", list(curves["who"].unique()))
    layers = [diagonal, _band(), curve, _picks(), *_cross("fpr", "sensitivity")]
    return _chart(layers, curves["who"].nunique(), curves=curves, band=band, point=point)


def recall_chart(curves: pd.DataFrame, band: pd.DataFrame, point: pd.DataFrame) -> Spec:
    """Precision-recall curve at the prevalence."""
    curve = _curve("step-after", "sensitivity (recall)", "PPV (precision)", list(curves["who"].unique()))
    layers = [_band(), curve, *_cross("sensitivity", "ppv")]
    return _chart(layers, curves["who"].nunique(), curves=curves, band=band, point=point)


def histogram_chart(bins: pd.DataFrame, point: pd.DataFrame) -> Spec:
    """Scores by class, with the threshold as a line."""
    bars = {
        "data": {"name": "bins"},
        "mark": {"type": "bar", "opacity": 0.6, "binSpacing": 0},
        "encoding": {
            "x": {
                "field": "from",
                "type": "quantitative",
                "bin": {"binned": True},
                "scale": {"domain": [0, 1]},
                "title": "probability",
            },
            "x2": {"field": "to"},
            "y": {
                "field": "share",
                "type": "quantitative",
                "stack": None,
                "scale": {"type": "sqrt"},
                "title": "share of the class (√ scale)",
                "axis": {"format": ".0%"},
            },
            "color": {
                "field": "reference",
                "type": "nominal",
                "scale": {"domain": list(CLASS_COLOURS), "range": list(CLASS_COLOURS.values())},
                "legend": {"orient": "bottom", "title": None},
            },
            "tooltip": [
                {"field": "reference", "title": "reference"},
                {"field": "from", "format": ".2f"},
                {"field": "to", "format": ".2f"},
                {"field": "share", "format": ".1%"},
            ],
        },
    }
    return _chart([bars, _threshold_line()], 1, bins=bins, point=point)


def benefit_chart(lines: pd.DataFrame, band: pd.DataFrame, point: pd.DataFrame, prevalence: float) -> Spec:
    """Decision curve: net benefit against the threshold probability."""
    who = list(lines["who"].unique())
    colours = [*COLOURS[: len(who) - 2], "#8a8f98", "#5b6b73"]
    curve = {
        "data": {"name": "lines"},
        "mark": {"type": "line", "clip": True},
        "encoding": {
            "x": {"field": "threshold", "type": "quantitative", "title": "threshold probability"},
            "y": {
                "field": "benefit",
                "type": "quantitative",
                "title": "net benefit",
                "scale": {"domain": [-0.15 * prevalence, 1.05 * prevalence]},
                "axis": {"format": ".3~f"},
            },
            "color": _colour(who, colours),
            "strokeDash": _dash(who),
            "tooltip": [
                {"field": "who", "title": "who"},
                {"field": "threshold", "format": ".3f"},
                {"field": "benefit", "title": "net benefit", "format": ".4f"},
            ],
        },
    }
    return _chart([_band(), curve, _threshold_line()], len(who), lines=lines, band=band, point=point)


def _curves(curves: Mapping[str, lab.Curve]) -> pd.DataFrame:
    parts = []
    for name, curve in curves.items():
        kept = np.unique(np.linspace(0, len(curve.x) - 1, min(MAX_POINTS, len(curve.x))).astype(int))
        finite = np.where(np.isfinite(curve.thresholds), curve.thresholds, 1.0)
        parts.append(
            pd.DataFrame(
                {"who": name, "x": curve.x[kept], "y": curve.y[kept], "threshold": finite[kept], "order": kept}
            )
        )
    return pd.concat(parts, ignore_index=True)


def _curve(interpolate: str, x: str, y: str, who: list[str]) -> Spec:
    unit = {"type": "quantitative", "scale": {"domain": [0, 1]}}
    return {
        "data": {"name": "curves"},
        "mark": {"type": "line", "interpolate": interpolate},
        "encoding": {
            "x": {"field": "x", "title": x, **unit},
            "y": {"field": "y", "title": y, **unit},
            "order": {"field": "order", "type": "quantitative"},
            "color": _colour(who, list(COLOURS[: len(who)])),
            "strokeDash": _dash(who),
            "tooltip": [
                {"field": "who", "title": "who"},
                {"field": "x", "title": x, "format": ".3f"},
                {"field": "y", "title": y, "format": ".3f"},
                {"field": "threshold", "format": ".3f"},
            ],
        },
    }


def _colour(who: list[str], colours: list[str]) -> Spec:
    return {
        "field": "who",
        "type": "nominal",
        "scale": {"domain": who, "range": colours},
        "legend": {"orient": "bottom", "title": None, "columns": 1, "labelLimit": 300},
    }


def _dash(who: list[str]) -> Spec:
    """Lines that can be told apart without their colours."""
    return {
        "field": "who",
        "type": "nominal",
        "scale": {"domain": who, "range": [DASHES[n % len(DASHES)] for n in range(len(who))]},
        "legend": {"orient": "bottom", "title": None, "columns": 1, "labelLimit": 300},
    }


def _band() -> Spec:
    """Of the one that is studied."""
    return {
        "data": {"name": "band"},
        "mark": {"type": "area", "opacity": 0.18, "color": COLOURS[0], "clip": True},
        "encoding": {
            "x": {"field": "x", "type": "quantitative"},
            "y": {"field": "low", "type": "quantitative"},
            "y2": {"field": "high"},
        },
    }


def _picks() -> Spec:
    """Points of the curve that can be clicked, unseen."""
    return {
        "data": {"name": "curves"},
        "mark": {"type": "point", "filled": True, "size": 60, "opacity": 0},
        "params": [
            {"name": PICK, "select": {"type": "point", "fields": ["threshold"], "nearest": True, "on": "click"}}
        ],
        "encoding": {
            "x": {"field": "x", "type": "quantitative"},
            "y": {"field": "y", "type": "quantitative"},
            "tooltip": [{"field": "threshold", "format": ".3f"}],
        },
    }


def _cross(x: str, y: str) -> list[Spec]:
    """The operating point and its two intervals."""
    at_x, at_y = {"field": x, "type": "quantitative"}, {"field": y, "type": "quantitative"}
    rule = {"type": "rule", "strokeWidth": 2, "color": "#d1345b"}
    return [
        {
            "data": {"name": "point"},
            "mark": rule,
            "encoding": {"x": {**at_x, "field": f"{x}_low"}, "x2": {"field": f"{x}_high"}, "y": at_y},
        },
        {
            "data": {"name": "point"},
            "mark": rule,
            "encoding": {"x": at_x, "y": {**at_y, "field": f"{y}_low"}, "y2": {"field": f"{y}_high"}},
        },
        {
            "data": {"name": "point"},
            "mark": {"type": "point", "filled": True, "size": 130, "color": "#d1345b", "opacity": 1},
            "encoding": {"x": at_x, "y": at_y, "tooltip": [{"field": "threshold", "format": ".3f"}]},
        },
    ]


def _threshold_line() -> Spec:
    return {
        "data": {"name": "point"},
        "mark": {"type": "rule", "strokeWidth": 2, "color": "#d1345b"},
        "encoding": {"x": {"field": "threshold", "type": "quantitative"}},
    }


def _chart(layers: list[Spec], legend_lines: int, **datasets: pd.DataFrame) -> Spec:
    return {"height": HEIGHT + LEGEND_LINE * legend_lines, "layer": layers, "datasets": datasets}

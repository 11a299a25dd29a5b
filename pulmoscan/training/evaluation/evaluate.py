"""Measure a model on one split of a dataset: classification, and how true the heatmaps are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pulmoscan.errors import DatasetError
from pulmoscan.models.card import Card, add_evidence, write_card
from pulmoscan.models.loading import load_classifier
from pulmoscan.models.registry import get_spec
from pulmoscan.population import ADULT_AGE, POPULATIONS, Population
from pulmoscan.reading.records import write_whole
from pulmoscan.statistics import calibration, lab, metrics
from pulmoscan.statistics.metrics import Confusion, Estimate, Scores
from pulmoscan.training.data.datasets import Split, load_datasets, select
from pulmoscan.training.evaluation import baseline_training
from pulmoscan.training.evaluation.scoring import Scored, score, scores_of


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A model's readings of one population's radiographs of one split."""

    model: str
    card: Card
    population: Population
    split: Split
    scored: Sequence[Scored]

    @property
    def threshold(self) -> float:
        return self.card.thresholds[self.population]

    @property
    def scores(self) -> Scores:
        return scores_of(self.scored)

    @property
    def confusion(self) -> Confusion:
        return self.scores.at(self.threshold)

    @property
    def missed(self) -> list[str]:
        """File names of the false negatives."""
        return [name for name, _ in self.scores.missed(self.threshold)]

    @property
    def heat_inside_lungs(self) -> Estimate:
        """Over true positives with a lung mask."""
        return _mean_share([s.heat_inside_lungs() for s in self._true_positives()])

    @property
    def heat_inside_boxes(self) -> Estimate:
        """Over all pneumonias with radiologists' boxes."""
        return _mean_share([s.heat_inside_boxes() for s in self._boxed()])

    @property
    def peak_inside_boxes(self) -> Estimate:
        """Over all pneumonias with radiologists' boxes."""
        return metrics.proportion(sum(s.peak_inside_boxes() for s in self._boxed()), len(self._boxed()))

    def _true_positives(self) -> list[Scored]:
        return [s for s in self.scored if s.example.label and s.reading.probability >= self.threshold]

    def _boxed(self) -> list[Scored]:
        return [s for s in self.scored if s.example.label and s.example.boxes]

    @property
    def subgroups(self) -> Mapping[str, Scores]:
        """The scores of parts: pathogens (children's pneumonias); views, the radiologists' classes, ages (adults)."""
        named = sorted({s.example.subgroup for s in self.scored if s.example.subgroup})
        parts: dict[str, list[Scored]] = {
            name: [s for s in self.scored if s.example.subgroup == name] for name in named
        }
        if any(s.example.group == "not normal" for s in self.scored):
            clear = [s for s in self.scored if s.example.group in ("opacity", "normal")]
            parts["opacity v normal"] = clear
            parts |= {f"opacity v normal, {v}": [s for s in clear if s.example.subgroup == v] for v in named}
            parts["not normal"] = [s for s in self.scored if s.example.group == "not normal"]
        if any(s.example.age is not None and s.example.age < ADULT_AGE for s in self.scored):
            parts["18 years and older"] = [s for s in self.scored if (s.example.age or 0) >= ADULT_AGE]
        return {name: scores_of(part) for name, part in parts.items()}


def evaluate(model: str, data: Sequence[Path], split: Split) -> list[Evaluation]:
    """Read a split of the given dataset folders with a model, one evaluation for each population in it.

    Raises:
        ModelError: the model cannot be used.
        DatasetError: a folder has no known layout, or nothing in this split.
    """
    classifier = load_classifier(model)
    examples = select(load_datasets(data), split)
    if not examples:
        raise DatasetError(f"The data holds no {split} split. Give the folder that has it; see docs/weights.md.")
    scored = score(classifier, examples)
    parts = {p: [s for s in scored if s.example.population == p] for p in POPULATIONS}
    return [Evaluation(model, classifier.card, p, split, part) for p, part in parts.items() if part]


def record(evaluations: Sequence[Evaluation]) -> None:
    """Keep scores and heatmap figures in the model's card, where the pages find them."""
    card, spec = evaluations[0].card, get_spec(evaluations[0].model)
    measured = {(e.population, str(e.split)): e.scores for e in evaluations}
    write_card(spec, replace(card, scores={**card.scores, **measured}))
    for e in evaluations:
        add_evidence(spec, f"heatmaps, {e.population}, {e.split}", _heat(e))
        add_evidence(spec, f"subgroups, {e.population}, {e.split}", _subgroups(e))


def write_json(evaluations: Sequence[Evaluation], path: Path) -> None:
    """Every score and every figure, for others to compute with."""
    content = [
        {
            "model": e.model,
            "weights_sha256": e.card.weights_sha256,
            "population": e.population,
            "split": e.split,
            "threshold": e.threshold,
            "temperature": e.card.temperature,
            "confusion": asdict(e.confusion),
            "figures": {name: asdict(f) if f.n else None for name, f in _all_figures(e).items()},
            "expected_calibration_error": calibration.expected_calibration_error(e.scores),
            "brier": calibration.brier(e.scores),
            "reliability": [asdict(b) for b in calibration.reliability(e.scores)],
            "decision_curve": _decision_curve(e.scores),
            "missed": e.missed,
            "scores": [
                {"file": s.example.path.name, "label": s.example.label, "probability": s.reading.probability}
                for s in e.scored
            ],
        }
        for e in evaluations
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, f"{json.dumps(content, indent=1)}\n".encode())


def _decision_curve(scores: Scores) -> dict[str, Any] | None:
    """Net benefit at thresholds 0.01 to 0.99, at the split's own prevalence; None where a class is missing."""
    if not len(scores.normal) or not len(scores.pneumonia):
        return None
    prevalence, at = lab.prevalence(scores), slice(10, -1, 10)
    return {
        "prevalence": prevalence,
        "thresholds": lab.GRID[at].tolist(),
        "model": lab.net_benefit(lab.rates(scores), prevalence)[at].tolist(),
        "treat_all": lab.treat_all(prevalence)[at].tolist(),
    }


def describe(evaluation: Evaluation, usual: Mapping[str, Estimate] | None = None) -> str:
    """The table that the command line prints, beside `usual` or what the card keeps of the usual way of training."""
    e, c = evaluation, evaluation.confusion
    lines = [
        f"{e.model} · {e.population} · {e.split} · weights {e.card.weights_sha256[:12]}",
        f"  operating point        {e.threshold:.3f}, {_chosen(e)}",
        f"  pneumonia / normal     {len(e.scores.pneumonia)} / {len(e.scores.normal)}",
        f"  confusion              TP {c.true_positives}  FN {c.false_negatives}  "
        f"TN {c.true_negatives}  FP {c.false_positives}",
        f"  AUC                    {e.scores.auc.decimal}",
        *(
            f"  {name:<22} {figure.decimal if name.endswith('AUC') else figure.percent}"
            for name, figure in _proportions(e).items()
            if figure.n
        ),
        *(f"  {name:<22} {_ratio(figure)}" for name, figure in _ratios(e).items() if figure.n),
        f"  calibration error      {calibration.expected_calibration_error(e.scores):.3f} (both classes weigh alike)",
        f"  Brier score            {calibration.brier(e.scores):.3f} (both classes weigh alike)",
        f"  missed                 {', '.join(e.missed) or 'none'}",
        *_other_points(e),
        *baseline_training.describe(usual or baseline_training.recorded(e.card, e.population, e.split)),
    ]
    return "\n".join(lines)


def _chosen(e: Evaluation) -> str:
    """Who chose the operating point, and what a reader of the figures must know besides."""
    spec = get_spec(e.model)
    if spec.fixed_here:
        return f"fixed on validation for sensitivity >= {100 * e.card.target_sensitivity[e.population]:g} %"
    if e.population in spec.has_seen:
        return "its authors'; NOT AN INDEPENDENT TEST: it was trained on the set that these radiographs come from"
    return "its authors'"


def _at_balance(e: Evaluation) -> dict[str, Estimate]:
    return _at(e, "balanced") if e.population in e.card.balanced else {}


def _at(e: Evaluation, point: str) -> dict[str, Estimate]:
    at = e.scores.at(e.card.points(e.population)[point])
    return {"sensitivity": at.sensitivity, "specificity": at.specificity}


def _other_points(e: Evaluation) -> list[str]:
    lines = []
    for point, threshold in e.card.points(e.population).items():
        if point != "high sensitivity":
            lines.append(f"  {point:<22} {threshold:.3f}, fixed on validation")
            lines += [f"    {name:<20} {figure.percent}" for name, figure in _at(e, point).items()]
    return lines


def _all_figures(e: Evaluation) -> dict[str, Estimate]:
    balanced = {f"balanced: {name}": figure for name, figure in _at_balance(e).items()}
    return {"AUC": e.scores.auc, **_proportions(e), **_ratios(e), **balanced}


def _proportions(e: Evaluation) -> dict[str, Estimate]:
    c = e.confusion
    return {
        "sensitivity": c.sensitivity,
        "specificity": c.specificity,
        **{f"  {name}": figure for name, figure in _subgroups(e).items()},
        "PPV": c.ppv,
        "NPV": c.npv,
        "accuracy": c.accuracy,
        **_heat(e),
    }


def _ratios(e: Evaluation) -> dict[str, Estimate]:
    return {"LR+": e.confusion.positive_likelihood_ratio, "LR-": e.confusion.negative_likelihood_ratio}


def _ratio(figure: Estimate) -> str:
    return f"{figure.estimate:.3g} ({figure.low:.3g} to {figure.high:.3g}, n = {figure.n})"


def _subgroups(e: Evaluation) -> dict[str, Estimate]:
    """Sensitivity of each, and where it has normals too (a view has), specificity and AUC."""
    found: dict[str, Estimate] = {}
    for subgroup, scores in e.subgroups.items():
        at = scores.at(e.threshold)
        figures = {
            f"sensitivity, {subgroup}": at.sensitivity,
            f"specificity, {subgroup}": at.specificity,
            f"{subgroup}, AUC": scores.auc,
        }
        found |= {name: figure for name, figure in figures.items() if figure.n}
    return found


def _heat(e: Evaluation) -> dict[str, Estimate]:
    return {
        "heat inside lungs": e.heat_inside_lungs,
        "heat inside boxes": e.heat_inside_boxes,
        "peak inside a box": e.peak_inside_boxes,
    }


def _mean_share(shares: Sequence[float]) -> Estimate:
    return metrics.mean(np.array([share for share in shares if not np.isnan(share)]))

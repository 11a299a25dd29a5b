"""Write docs/model-cards/: one page a model from its card, after Mitchell et al. 2019 (arXiv:1810.03993).

The headings also answer what TRIPOD+AI (Collins et al. 2024) and CLAIM (Mongan et al. 2020) ask of a report.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pulmoscan import DISCLAIMER
from pulmoscan.export.figures import NEGATIVES
from pulmoscan.models.card import Card, read_card
from pulmoscan.models.registry import MODELS, ModelSpec
from pulmoscan.population import POPULATIONS, Population
from pulmoscan.reading.records import write_whole
from pulmoscan.statistics.calibration import brier, expected_calibration_error
from pulmoscan.statistics.metrics import Estimate, Scores
from pulmoscan.training.evaluation.plots import draw_evidence

GROUPS: Mapping[Population, str] = {"child": "children of 1 to 5 years", "adult": "adults"}
TESTS: Mapping[Population, str] = {
    "child": "the official test split of Kermany et al. 2018",
    "adult": "NIH ChestX-ray14 radiographs that the RSNA's radiologists called Lung Opacity, or not: Normal, and No "
    "Lung Opacity / Not Normal, the ill without pneumonia; 11 of these patients are 9 to 17 years old",
}


def write_model_cards(folder: Path) -> list[Path]:
    """A page and its figures for every model; the pages that were written.

    Raises:
        WeightsMissing, WeightsDamaged: a card cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for spec in MODELS.values():
        card = read_card(spec)
        for population in POPULATIONS:
            if all((population, split) in card.scores for split in ("validation", "test")):
                draw_evidence(spec, card, population, folder / f"{spec.name}-{population}.png")
        path = folder / f"{spec.name}.md"
        write_whole(path, model_card(spec, card).encode())
        written.append(path)
    return written


def model_card(spec: ModelSpec, card: Card) -> str:
    """The page as Markdown."""
    counts = card.training.get("examples", {})
    parts = [
        f"# {spec.title} ({spec.role})",
        f"> {DISCLAIMER}",
        "Written by `python -m pulmoscan cards` from the card of the weights; every figure was measured on them.",
        "## Model",
        f"{spec.summary} Convolutional network for 224 × 224 grey input, one logit; heatmaps from "
        f"`{spec.feature_layer}`.",
        f"- Weights `weights/{spec.name}.safetensors`, SHA-256 `{card.weights_sha256}`",
        f"- Trained at commit `{card.training.get('commit') or 'unknown'}` from {card.training.get('init')}, "
        f"{_schedule(card)}",
        f"- Temperature {card.temperature:.3f}; licence: see the repository",
        *_storage(card),
        "## Intended use",
        "Screening of frontal chest radiographs for pneumonia in research and teaching: a second look that raises "
        "suspicion, by people who can read the radiograph themselves. Not for diagnosis, not for any decision about a "
        "patient, not for lateral views, CT, or photographs of films. Between 6 and 17 years nothing was measured.",
        "## Training data",
        f"{counts.get('train')} radiographs in training, {counts.get('validation')} in validation: children from "
        "Kermany et al. 2018 (CC BY 4.0, one hospital in Guangzhou), adults from NIH ChestX-ray14 (Wang et al. 2017), "
        "by the classes and boxes that the RSNA's radiologists gave (Shih et al. 2019) and, some, by labels mined from "
        "reports. Split by patient; [weights.md](../weights.md) tells the labels, the splits and "
        "the recipe.",
        *[part for population in POPULATIONS for part in _population(spec, card, population)],
        "## Heatmaps, full-size uploads and shortcut learning",
        _evidence(card),
        "## Limits",
        "- The children come from one hospital; nothing is known of other places, scanners and ages.\n"
        "- The adult test set holds few pneumonias, as its intervals say, from one hospital; most of its normals are "
        "small copies, most of its pneumonias are not (`shortcuts` compares both alike).\n"
        "- The reference standards are readings of radiographs, not cultures or follow-up.\n"
        "- Radiographs of other diseases were hardly seen: anything opaque may be called pneumonia.\n"
        "- Sex and ethnicity were not studied; Kermany's set does not give them.",
    ]
    return "\n\n".join(parts) + "\n"


def _schedule(card: Card) -> str:
    """How long it was trained, with which seeds, and what the mean was taken of."""
    plan, stopped = card.training.get("plan", {}), card.training.get("stopped_after")
    epochs = plan.get("epochs")
    length = f"{epochs} epochs" if stopped in (None, epochs) else f"{stopped} of {epochs} epochs"
    seeds = plan.get("seed")
    named = ", ".join(map(str, seeds)) if isinstance(seeds, list | tuple) else seeds
    return f"{length}, seed {named}" + (", the mean with the initial weights" if plan.get("mean_with_init") else "")


def _storage(card: Card) -> list[str]:
    difference = card.training.get("storage_difference")
    if difference is None:
        return []
    return [f"- Stored in half precision: no validation probability changed by more than {difference:.4f}"]


def _population(spec: ModelSpec, card: Card, population: Population) -> list[str]:
    if (population, "test") not in card.scores:
        return []
    rows = ["| | validation | test |", "|---|---|---|"]
    splits = [card.scores[population, split] for split in ("validation", "test")]
    well = NEGATIVES[population]
    rows.append(_row("radiographs", *(f"{len(s.normal)} {well}, {len(s.pneumonia)} pneumonia" for s in splits)))
    rows.append(_row("AUC", *(s.auc.decimal for s in splits)))
    for name, threshold in card.points(population).items():
        rows += _operating_point(f"{name}, {threshold:.3f}", splits, threshold)
    rows.append(_row("expected calibration error", *(f"{expected_calibration_error(s):.3f}" for s in splits)))
    rows.append(_row("Brier score", *(f"{brier(s):.3f}" for s in splits)))
    missed = ", ".join(name for name, _ in splits[1].missed(card.thresholds[population]))
    target = 100 * card.target_sensitivity[population]
    return [
        f"## Measured on {GROUPS[population]}",
        f"The test radiographs are {TESTS[population]}. “High sensitivity”, the default, was set for {target:g} % on "
        "validation, “balanced” where sensitivity and specificity are alike; calibration error and Brier score give "
        "both classes equal weight.",
        "\n".join(rows),
        f"Missed in the test set at high sensitivity: {missed or 'none'}.",
        f"![ROC, precision-recall, reliability, threshold, decision curve, training]({spec.name}-{population}.png)",
    ]


def _operating_point(name: str, splits: list[Scores], threshold: float) -> list[str]:
    at = [scores.at(threshold) for scores in splits]
    return [
        _row(f"{name}: sensitivity", *(c.sensitivity.percent for c in at)),
        _row(f"{name}: specificity", *(c.specificity.percent for c in at)),
        _row(f"{name}: PPV", *(c.ppv.percent for c in at)),
        _row(f"{name}: NPV", *(c.npv.percent for c in at)),
        _row(f"{name}: LR+", *(_ratio(c.positive_likelihood_ratio) for c in at)),
        _row(f"{name}: LR−", *(_ratio(c.negative_likelihood_ratio) for c in at)),
    ]


def _evidence(card: Card) -> str:
    rows = ["| measured | figure |", "|---|---|"]
    for what, figures in card.evidence.items():
        rows += [_row(f"{what}: {name}", _shown(name, figure)) for name, figure in figures.items()]
    return "\n".join(rows) if len(rows) > 2 else "Not measured yet."


def _shown(name: str, figure: Estimate) -> str:
    if name.endswith(("AUC", "threshold")):
        return figure.decimal
    if name == "mean difference":
        return f"{figure.estimate:.4f} ({figure.low:.4f} to {figure.high:.4f}, n = {figure.n})"
    return figure.percent


def _ratio(figure: Estimate) -> str:
    return f"{figure.estimate:.3g} ({figure.low:.3g} to {figure.high:.3g})" if figure.n else "not measured"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"

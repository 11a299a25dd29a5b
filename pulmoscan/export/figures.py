"""The measured figures of the installed models as a Markdown table, for the README and for notes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pulmoscan.examination.lungs import LungCard, weights_path
from pulmoscan.models.card import read_card
from pulmoscan.models.registry import ModelSpec
from pulmoscan.population import Population
from pulmoscan.statistics.metrics import Estimate

HEADER = (
    "| model | radiographs | operating point | AUC | sensitivity | specificity |",
    "|---|---|---|---|---|---|",
)


NEGATIVES: Mapping[Population, str] = {"child": "normal", "adult": "without opacity"}


def markdown_table(specs: Iterable[ModelSpec], split: str = "test") -> str:
    """One row for each model, population that was measured on the split, and operating point of the card.

    Adults' negatives are all whom radiologists called no opacity; a further row has the normal ones alone.

    Raises:
        WeightsMissing, WeightsDamaged: a card cannot be read.
    """
    rows = list(HEADER)
    for spec in specs:
        card = read_card(spec)
        for (population, measured), scores in card.scores.items():
            if measured != split:
                continue
            counts = f"{population}: {len(scores.normal)} normal, {len(scores.pneumonia)} pneumonia"
            named = f"| {spec.title} ({spec.role}) | {population}: "
            counts = f"{len(scores.normal)} {NEGATIVES[population]}, {len(scores.pneumonia)} pneumonia"
            for point, threshold in card.points(population).items():
                at = scores.at(threshold)
                figures = (scores.auc.decimal, at.sensitivity.percent, at.specificity.percent)
                rows.append(f"{named}{counts} | {point}, {threshold:.3f} | {' | '.join(figures)} |")
            rows += [
                f"{named}{row} | high sensitivity, {card.thresholds[population]:.3f} | {figures} |"
                for row, figures in _normals_alone(card.evidence.get(f"subgroups, {population}, {split}", {}))
            ]
    return "\n".join(rows)


def _normals_alone(subgroups: Mapping[str, Estimate]) -> Iterator[tuple[str, str]]:
    """Counts and figures without those who are ill but show no opacity, where these were told apart."""
    if "opacity v normal, AUC" in subgroups:
        auc, sensitivity, specificity = (
            subgroups[name]
            for name in (
                "opacity v normal, AUC",
                "sensitivity, opacity v normal",
                "specificity, opacity v normal",
            )
        )
        counts = f"{specificity.n} normal, {sensitivity.n} pneumonia"
        yield counts, " | ".join((auc.decimal, sensitivity.percent, specificity.percent))


def describe_lungs(card: LungCard) -> str:
    """The lung network as `models` lists it: where its weights are, their checksum, and what was measured on them."""
    lines = ["lungs  the lung network (outline and gate)", f"  weights   {weights_path()}"]
    lines.append(f"  SHA-256   {card.weights_sha256}")
    for name, values in card.figures.items():
        figure = Estimate(values["estimate"], values["low"], values["high"], int(values["n"]))
        lines.append(f"  {name:<34} {figure.decimal if name.startswith('Dice') else figure.percent}")
    return "\n".join(lines)

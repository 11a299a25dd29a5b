"""The measured figures of the installed models as a Markdown table, for the README and for notes."""

from __future__ import annotations

from collections.abc import Iterable

from pulmoscan.registry import ModelSpec, read_card

HEADER = (
    "| model | radiographs | operating point | AUC | sensitivity | specificity |",
    "|---|---|---|---|---|---|",
)


def markdown_table(specs: Iterable[ModelSpec], split: str = "test") -> str:
    """One row for each model and population that was measured on the split, at the card's operating point.

    Raises:
        WeightsMissing, WeightsDamaged: a card cannot be read.
    """
    rows = list(HEADER)
    for spec in specs:
        card = read_card(spec)
        for (population, measured), scores in card.scores.items():
            if measured != split:
                continue
            threshold = card.thresholds[population]
            at = scores.at(threshold)
            counts = f"{population}: {len(scores.normal)} normal, {len(scores.pneumonia)} pneumonia"
            figures = (scores.auc.decimal, at.sensitivity.percent, at.specificity.percent)
            rows.append(f"| {spec.title} ({spec.role}) | {counts} | {threshold:.2f} | {' | '.join(figures)} |")
    return "\n".join(rows)

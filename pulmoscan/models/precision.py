"""May a model compute in bfloat16? Only where its card says that this was measured, and changed next to nothing."""

from __future__ import annotations

from pulmoscan.models.card import Card
from pulmoscan.population import POPULATIONS
from pulmoscan.statistics.metrics import Estimate

MEASURED = "bfloat16, validation"
"""The evidence of a card that `parity --precision --record` writes. Its figures are named by the functions below."""

LARGEST_SHARE_CHANGED = 0.002
"""Of the decisions at the operating point, in each population."""


def changed_name(population: str) -> str:
    return f"{population}, changed decisions"


def auc_name(population: str, precision: str) -> str:
    return f"{population}, {precision} AUC"


def holds_in_bfloat16(card: Card) -> bool:
    """Whether in each population hardly a decision changes, and the AUC is the same to the third digit."""
    figures = card.evidence.get(MEASURED, {})
    try:
        return all(
            figures[changed_name(p)].estimate <= LARGEST_SHARE_CHANGED
            and _third_digit(figures[auc_name(p, "float32")]) == _third_digit(figures[auc_name(p, "bfloat16")])
            for p in POPULATIONS
        )
    except KeyError:
        return False


def _third_digit(figure: Estimate) -> float:
    return round(figure.estimate, 3)

"""Which model to begin with for a population: computed from what validation measured, never written down."""

from __future__ import annotations

from collections.abc import Mapping

from pulmoscan.models.card import Card
from pulmoscan.population import Population

RULE = "Of the models, the most specific on validation at the operating point for high sensitivity."


def recommended(cards: Mapping[str, Card], population: Population) -> str | None:
    """The name of the model whose figures are best there; None where none was measured.

    All operating points were set for the same sensitivity, so it is specificity that tells the models apart; the area
    under the curve decides between equals.
    """
    measured = {name: card for name, card in cards.items() if (population, "validation") in card.scores}
    return max(measured, key=lambda name: _worth(measured[name], population), default=None)


def _worth(card: Card, population: Population) -> tuple[float, float]:
    scores = card.scores[population, "validation"]
    return scores.at(card.thresholds[population]).specificity.estimate, scores.auc.estimate

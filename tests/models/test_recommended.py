"""The model to begin with."""

from __future__ import annotations

import dataclasses

import numpy as np

from pulmoscan.models.card import Card, read_card
from pulmoscan.models.recommended import recommended
from pulmoscan.models.registry import MODELS
from pulmoscan.statistics.metrics import Scores


def with_normals(card: Card, normal: list[float]) -> Card:
    scores = Scores(np.array(normal), np.array([0.9, 0.95]))
    return dataclasses.replace(card, scores={**card.scores, ("adult", "validation"): scores}, thresholds={"adult": 0.5})


def test_the_most_specific_at_the_operating_point_is_recommended(models: object) -> None:
    assert models
    card = read_card(next(iter(MODELS.values())))
    cards = {"coarse": with_normals(card, [0.1, 0.6, 0.7]), "fine": with_normals(card, [0.1, 0.2, 0.7])}
    assert recommended(cards, "adult") == "fine"
    equal = {"worse": with_normals(card, [0.1, 0.97]), "better": with_normals(card, [0.1, 0.6])}
    assert recommended(equal, "adult") == "better", "the area decides between equals"


def test_none_where_nothing_was_measured() -> None:
    assert recommended({}, "child") is None

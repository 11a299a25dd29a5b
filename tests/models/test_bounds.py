"""Triage bounds from a card: each patient once, and of the unknown patient only what holds for both groups."""

from pathlib import Path

import pytest

from pulmoscan.models import bounds
from pulmoscan.models.card import read_card
from pulmoscan.models.registry import MODELS
from pulmoscan.statistics.metrics import Scores
from pulmoscan.statistics.triage import Promise, narrower

SPEC = MODELS["resnet18"]


@pytest.mark.parametrize(
    ("file", "patient"),
    [
        ("person12_bacteria_3.jpeg", "person12"),
        ("IM-0115-0001.jpeg", "IM-0115"),
        ("NORMAL2-IM-0441-0001-0002.jpeg", "NORMAL2-IM-0441"),
        ("00000075_000.jpg", "00000075"),
        ("normal_3.png", ""),
    ],
)
def test_patient_of(file: str, patient: str) -> None:
    assert bounds.patient_of(file) == patient


def test_each_patient_once_at_the_worst() -> None:
    scores = Scores.of(
        [1, 1, 1, 0, 0],
        [0.9, 0.4, 0.8, 0.1, 0.3],
        ["person1_virus_1.jpeg", "person1_virus_2.jpeg", "person2_virus_1.jpeg", "IM-0001-0001.jpeg", "IM-0001-2.jpeg"],
    )
    found = bounds.independent(scores)
    assert sorted(found.pneumonia) == [0.4, 0.8]
    assert list(found.normal) == [0.3]


@pytest.mark.usefixtures("models")
def test_unknown_patient() -> None:
    card = read_card(SPEC)
    promise = Promise()
    child, adult, unknown = (bounds.of_validation(card, p, promise) for p in ("child", "adult", None))
    assert child is not None
    assert adult is not None
    assert unknown == narrower([child, adult])
    assert child.rule_out.n == 350


def test_nothing_without_validation(models: Path) -> None:  # noqa: ARG001
    from dataclasses import replace

    card = read_card(SPEC)
    bare = replace(card, scores={key: s for key, s in card.scores.items() if key != ("adult", "validation")})
    assert bounds.of_validation(bare, "adult", Promise()) is None
    assert bounds.of_validation(bare, None, Promise()) is None

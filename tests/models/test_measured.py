from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pulmoscan.models.card import read_card
from pulmoscan.models.measured import Measured, mean_scores, of_consensus, of_model
from pulmoscan.models.registry import get_spec
from pulmoscan.statistics.metrics import Scores

TARGETS = {"child": 0.9, "adult": 0.8}
KEYS = [(population, split) for population in ("child", "adult") for split in ("validation", "test")]


def made_up(seed: int) -> Scores:
    """The same 40 + 60 radiographs for every seed, in an order of its own."""
    rng = np.random.default_rng(seed)
    labels = np.r_[np.zeros(40), np.ones(60)]
    order = rng.permutation(100)
    probabilities = np.where(labels, rng.beta(4, 2, 100), rng.beta(2, 4, 100))
    return Scores.of(labels[order], probabilities[order], [f"{i}.png" for i in order])


def member(name: str, seed: int) -> Measured:
    scores = {key: made_up(seed + i) for i, key in enumerate(KEYS)}
    return Measured(name, name.upper(), {"child": 0.2, "adult": 0.3}, TARGETS, scores)  # type: ignore[arg-type]


def by_name(scores: Scores) -> dict[str, float]:
    files = scores.normal_files + scores.pneumonia_files
    return dict(zip(files, np.r_[scores.normal, scores.pneumonia].tolist(), strict=True))


def test_mean_joins_by_file_name_not_by_order() -> None:
    members = [made_up(0), made_up(7), made_up(9)]
    joint = mean_scores(members)
    assert joint is not None
    expected = [by_name(scores) for scores in members]
    for file, probability in by_name(joint).items():
        assert probability == pytest.approx(np.mean([member[file] for member in expected]))
    assert (len(joint.normal), len(joint.pneumonia)) == (40, 60)


def test_mean_of_what_all_have_scored() -> None:
    a = Scores.of([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], ["a", "b", "c", "d"])
    b = Scores.of([0, 1, 1], [0.3, 0.6, 0.5], ["b", "c", "e"])
    joint = mean_scores([a, b])
    assert joint is not None
    assert by_name(joint) == pytest.approx({"b": 0.25, "c": 0.7})
    assert mean_scores([a, Scores.of([0], [0.5], ["z"])]) is None
    assert mean_scores([a, Scores(a.normal, a.pneumonia)]) is None, "nobody knows which radiograph is which"


def test_consensus_is_measured_like_a_model() -> None:
    consensus = of_consensus([member("a", 0), member("b", 20)])
    assert consensus is not None
    assert set(consensus.scores) == set(KEYS)
    for population, target in TARGETS.items():
        threshold = consensus.thresholds[population]  # type: ignore[index]
        scores = consensus.scores[population, "validation"]  # type: ignore[index]
        assert scores.at(threshold).sensitivity.estimate >= target
        assert scores.at(threshold + 0.01).sensitivity.estimate < target, "the highest that reaches it"


def test_consensus_needs_two_models_and_names() -> None:
    one, two = member("a", 0), member("b", 20)
    assert of_consensus([one]) is None
    nameless = {key: Scores(s.normal, s.pneumonia) for key, s in two.scores.items()}
    assert of_consensus([one, replace(two, scores=nameless)]) is None


def test_operating_point_by_population_and_age() -> None:
    measured = member("a", 0)

    def point(population: str, age: float | None) -> tuple[str, str, float]:
        found = measured.operating_point(population, age)  # type: ignore[arg-type]
        assert found is not None
        return found.population, found.measured_on, found.threshold

    assert point("auto", None) == ("unknown", "child", 0.2)
    assert point("auto", 4.0) == ("child", "child", 0.2)
    assert point("auto", 40.0) == point("adult", 4.0) == ("adult", "adult", 0.3)
    assert replace(measured, thresholds={"child": 0.2}).operating_point("adult", None) is None
    assert replace(measured, thresholds={}).operating_point("auto", None) is None


@pytest.mark.usefixtures("models")
def test_of_model_is_its_card() -> None:
    card = read_card(get_spec("resnet18"))
    measured = of_model(get_spec("resnet18"), card)
    assert (measured.thresholds, measured.scores) == (card.thresholds, card.scores)

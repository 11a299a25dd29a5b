"""What was measured on each model and on their consensus: scores and operating points, read from the cards.

The consensus of several models is the mean of their probabilities. It is measured like a model: its scores are the
means over the radiographs that all of them scored, joined by file name, and its operating point is fixed on the
validation split for the same sensitivity as theirs. Nothing here runs a model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pulmoscan.models.card import Card
from pulmoscan.models.registry import ModelSpec
from pulmoscan.population import POPULATIONS, OperatingPoint, Population, PopulationChoice, of_patient, operating_point
from pulmoscan.statistics import operating_points
from pulmoscan.statistics.metrics import Scores

CONSENSUS = "consensus"


@dataclass(frozen=True, eq=False)
class Measured:
    """A model, or the consensus of several, as far as it was measured.

    Attributes:
        thresholds: the operating point of each population; of those that were measured on validation.
        target_sensitivity: the validation sensitivity that each was set for.
        scores: by population and split.
    """

    name: str
    title: str
    thresholds: Mapping[Population, float]
    target_sensitivity: Mapping[Population, float]
    scores: Mapping[tuple[Population, str], Scores]

    def operating_point(self, population: PopulationChoice, age: float | None) -> OperatingPoint | None:
        """As `population.operating_point`; None where nothing was measured for that population."""
        known = of_patient(population, age)
        if not self.thresholds or (known and known not in self.thresholds):
            return None
        return operating_point(self.thresholds, population, age)


def of_model(spec: ModelSpec, card: Card) -> Measured:
    """What the model's card holds."""
    return Measured(spec.name, spec.title, card.thresholds, card.target_sensitivity, card.scores)


def of_consensus(members: Sequence[Measured]) -> Measured | None:
    """The consensus of at least two models; None where they share no radiographs with known file names."""
    if len(members) < 2:
        return None
    splits = set.intersection(*(set(member.scores) for member in members))
    joined = {key: mean_scores([member.scores[key] for member in members]) for key in splits}
    scores = {key: joint for key, joint in joined.items() if joint is not None}
    # The most demanding of their targets, should they differ.
    targets = {p: max(member.target_sensitivity[p] for member in members) for p in POPULATIONS}
    thresholds = {
        p: operating_points.for_sensitivity(scores[p, "validation"], targets[p])
        for p in POPULATIONS
        if (p, "validation") in scores and len(scores[p, "validation"].pneumonia)
    }
    if not scores:
        return None
    return Measured(CONSENSUS, f"Consensus of {len(members)}", thresholds, targets, scores)


def mean_scores(members: Sequence[Scores]) -> Scores | None:
    """The mean probability of each radiograph that all members scored; None without file names or common files."""
    if not all(scores.has_files for scores in members):
        return None
    normal = _means([dict(zip(s.normal_files, s.normal.tolist(), strict=True)) for s in members])
    pneumonia = _means([dict(zip(s.pneumonia_files, s.pneumonia.tolist(), strict=True)) for s in members])
    if not normal and not pneumonia:
        return None
    return Scores(
        normal=np.array(list(normal.values()), dtype=np.float64),
        pneumonia=np.array(list(pneumonia.values()), dtype=np.float64),
        normal_files=tuple(normal),
        pneumonia_files=tuple(pneumonia),
    )


def _means(members: Sequence[Mapping[str, float]]) -> dict[str, float]:
    common = set.intersection(*(set(member) for member in members))
    return {file: sum(member[file] for member in members) / len(members) for file in sorted(common)}

"""The card of a model's weights: what was measured on them, and is valid for them alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from pulmoscan.errors import WeightsDamaged, WeightsMissing
from pulmoscan.models.registry import ModelSpec
from pulmoscan.population import POPULATIONS, Population
from pulmoscan.reading.records import Record, read_record, write_record
from pulmoscan.statistics.metrics import Estimate, Scores

HeatMethod = Literal["gradcam", "hirescam"]
HEAT_METHODS: tuple[HeatMethod, ...] = ("gradcam", "hirescam")


@dataclass(frozen=True)
class Card:
    """What was measured on one set of weights, and is valid for it alone.

    Attributes:
        weights_sha256: of the weights file that was measured.
        thresholds: the operating point for high sensitivity of each population, fixed on its validation split.
        target_sensitivity: the validation sensitivity that each of these was set for.
        heat_method: the class-activation map that lies better inside the lungs on the validation split.
        heat_reference: log-odds of one feature cell that the heatmap shows at full strength.
        scores: probabilities of the measured splits, by population and split; with file names since the version
            that records them.
        training: the training record.
        maximum: an operating point of each population for the sake of still higher sensitivity, whatever it costs.
        balanced: another, where the smaller of sensitivity and specificity is greatest on validation.
        temperature: what the logit is divided by to give a calibrated probability (Guo et al. 2017,
            arXiv:1706.04599), fitted on validation.
        evidence: figures that the scores alone do not give (heatmaps, parity, shortcuts), by what was measured, then
            by name.
    """

    weights_sha256: str
    thresholds: Mapping[Population, float]
    target_sensitivity: Mapping[Population, float]
    heat_method: HeatMethod
    heat_reference: float
    scores: Mapping[tuple[Population, str], Scores]
    training: Mapping[str, Any]
    maximum: Mapping[Population, float] = field(default_factory=dict)
    balanced: Mapping[Population, float] = field(default_factory=dict)
    temperature: float = 1.0
    evidence: Mapping[str, Mapping[str, Estimate]] = field(default_factory=dict)

    def points(self, population: Population) -> dict[str, float]:
        """The population's operating points by name, from the most sensitive on; “high sensitivity” is the default."""
        maximum = {"maximum sensitivity": self.maximum[population]} if population in self.maximum else {}
        balanced = {"balanced": self.balanced[population]} if population in self.balanced else {}
        return {**maximum, "high sensitivity": self.thresholds[population], **balanced}


Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Positive = Annotated[float, msgspec.Meta(gt=0)]


class _Point(Record, frozen=True, omit_defaults=True):
    threshold: Share
    sensitivity: float
    maximum: Share | None = None
    balanced: Share | None = None


class _Heat(Record, frozen=True):
    method: HeatMethod
    reference: Positive


class _Figure(Record, frozen=True):
    estimate: float
    low: float
    high: float
    n: int


class _Scores(Record, frozen=True, kw_only=True, omit_defaults=True):
    """In ascending order; cards written before file names were kept have none."""

    normal: list[float]
    normal_files: list[str] = msgspec.field(default_factory=list)
    pneumonia: list[float]
    pneumonia_files: list[str] = msgspec.field(default_factory=list)


class _CardFile(Record, frozen=True, kw_only=True, omit_defaults=True):
    """A card as its file holds it."""

    model: str
    weights_sha256: str
    operating_points: dict[Population, _Point]
    temperature: Positive = 1.0
    evidence: dict[str, dict[str, _Figure]] = msgspec.field(default_factory=dict)
    heat: _Heat
    training: dict[str, Any]
    scores: dict[Population, dict[str, _Scores]]


def read_card(spec: ModelSpec) -> Card:
    """The model's card.

    Raises:
        WeightsMissing: there is no card.
        WeightsDamaged: it is not one.
    """
    try:
        content = read_record(spec.card_path, _CardFile)
        points = {population: content.operating_points[population] for population in POPULATIONS}
        return Card(
            weights_sha256=content.weights_sha256,
            thresholds={population: point.threshold for population, point in points.items()},
            target_sensitivity={population: point.sensitivity for population, point in points.items()},
            heat_method=content.heat.method,
            heat_reference=content.heat.reference,
            scores={(p, split): _scores(s) for p in POPULATIONS for split, s in content.scores[p].items()},
            training=content.training,
            maximum={p: point.maximum for p, point in points.items() if point.maximum is not None},
            balanced={p: point.balanced for p, point in points.items() if point.balanced is not None},
            temperature=content.temperature,
            evidence={
                what: {name: Estimate(f.estimate, f.low, f.high, f.n) for name, f in figures.items()}
                for what, figures in content.evidence.items()
            },
        )
    except OSError as error:
        raise WeightsMissing(spec.card_path) from error
    except (ValueError, KeyError) as error:
        raise WeightsDamaged(spec.card_path, "it is not a model card") from error


def write_card(spec: ModelSpec, card: Card) -> None:
    """Write a card beside its weights, for `read_card`."""
    content = _CardFile(
        model=spec.name,
        weights_sha256=card.weights_sha256,
        operating_points={
            p: _Point(
                threshold=card.thresholds[p],
                sensitivity=card.target_sensitivity[p],
                maximum=card.maximum.get(p),
                balanced=card.balanced.get(p),
            )
            for p in POPULATIONS
        },
        temperature=card.temperature,
        evidence={
            what: {name: _Figure(**asdict(figure)) for name, figure in figures.items()}
            for what, figures in card.evidence.items()
        },
        heat=_Heat(method=card.heat_method, reference=card.heat_reference),
        training=dict(card.training),
        scores={
            p: {split: _sides(scores) for (population, split), scores in card.scores.items() if population == p}
            for p in POPULATIONS
        },
    )
    write_record(spec.card_path, content)


def add_evidence(spec: ModelSpec, what: str, figures: Mapping[str, Estimate]) -> None:
    """Keep measured figures in the model's card, in place of earlier ones of the same."""
    card = read_card(spec)
    rounded = {
        name: Estimate(round(f.estimate, 5), round(f.low, 5), round(f.high, 5), f.n)
        for name, f in figures.items()
        if f.n
    }
    write_card(spec, replace(card, evidence={**card.evidence, what: rounded}))


def _scores(content: _Scores) -> Scores:
    return Scores(
        normal=np.array(content.normal, dtype=float),
        pneumonia=np.array(content.pneumonia, dtype=float),
        normal_files=tuple(content.normal_files),
        pneumonia_files=tuple(content.pneumonia_files),
    )


def _sides(scores: Scores) -> _Scores:
    normal, normal_files = _side(scores.normal, scores.normal_files)
    pneumonia, pneumonia_files = _side(scores.pneumonia, scores.pneumonia_files)
    return _Scores(normal=normal, normal_files=normal_files, pneumonia=pneumonia, pneumonia_files=pneumonia_files)


def _side(probabilities: NDArray[np.float64], files: Sequence[str]) -> tuple[list[float], list[str]]:
    """One class for the card: probabilities in ascending order and, where they are known, the file names beside."""
    rounded = [round(float(p), 6) for p in probabilities]
    if not files:
        return sorted(rounded), []
    pairs = sorted(zip(rounded, files, strict=True))
    return [p for p, _ in pairs], [file for _, file in pairs]

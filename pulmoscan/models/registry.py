"""The models: one `ModelSpec` each, and the card that was measured on its weights."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pulmoscan.errors import UnknownModel, WeightsDamaged, WeightsMissing
from pulmoscan.population import POPULATIONS, Population
from pulmoscan.settings import weights_folder
from pulmoscan.statistics.metrics import Figure, Scores

HeatMethod = Literal["gradcam", "hirescam"]
HEAT_METHODS: tuple[HeatMethod, ...] = ("gradcam", "hirescam")


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """What a model is, before any weights: also its page's title and text.

    Attributes:
        feature_layer: whose output the class-activation maps explain.
        measure: what its number is: a calibrated probability, or a score on a scale of its authors'.
        fixed_here: whether its operating points and its heatmap were fixed on the validation splits, for children and
            adults apart; else they are its authors', the same for all.
        has_seen: populations whose test radiographs come from data that it was trained on.
    """

    name: str
    title: str
    role: str
    architecture: str
    feature_layer: str
    summary: str
    measure: Literal["probability", "score"] = "probability"
    fixed_here: bool = True
    has_seen: tuple[Population, ...] = ()

    @property
    def weights_path(self) -> Path:
        return weights_folder() / f"{self.name}.safetensors"

    @property
    def card_path(self) -> Path:
        return weights_folder() / f"{self.name}.json"


MODELS: Mapping[str, ModelSpec] = {
    spec.name: spec
    for spec in (
        ModelSpec(
            name="densenet121",
            title="DenseNet-121",
            role="champion",
            architecture="densenet121",
            feature_layer="norm5",
            summary="121 layers, each reading all before it; 7 million parameters. The model to start with.",
        ),
        ModelSpec(
            name="resnet50",
            title="ResNet-50",
            role="baseline",
            architecture="resnet50",
            feature_layer="layer4",
            summary="50 layers with shortcuts, 23.5 million parameters. The yardstick most papers compare with.",
        ),
        ModelSpec(
            name="resnet18",
            title="ResNet-18",
            role="light",
            architecture="resnet18",
            feature_layer="layer4",
            summary="18 layers with shortcuts, 11 million parameters. The quickest on a modest machine.",
        ),
    )
}
DEFAULT_MODEL = "densenet121"


@dataclass(frozen=True, kw_only=True)
class ExternalSpec(ModelSpec):
    """A model that others trained and published, used as it is (see `external`).

    Attributes:
        published_as: its name in the package that it comes from.
        file: name of its weights file, both where it is published and in the package's own cache.
        sha256: of the published file; None where no source for it was found.
        learned_from: the data that it was trained on, for a sentence.
    """

    published_as: str
    file: str
    sha256: str | None
    learned_from: str

    @property
    def weights_path(self) -> Path:
        """Where torchxrayvision itself looks for it."""
        return Path.home() / ".torchxrayvision" / "models_data" / self.file

    @property
    def url(self) -> str:
        return f"https://github.com/mlmed/torchxrayvision/releases/download/v1/{self.file}"


def _torchxrayvision(
    name: str, data: str, learned_from: str, has_seen: tuple[Population, ...], sha256: str | None = None
) -> ExternalSpec:
    return ExternalSpec(
        name=f"xrv-densenet121-{name}",
        title=f"torchxrayvision DenseNet-121 ({name})",
        role="external",
        architecture="torchxrayvision-densenet121",
        feature_layer="norm5",
        summary=f"DenseNet-121 as torchxrayvision publishes it, trained by its authors on {learned_from}.",
        published_as=f"densenet121-res224-{name}",
        file=f"{data}-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt",
        sha256=sha256,
        learned_from=learned_from,
        measure="score",
        fixed_here=False,
        has_seen=has_seen,
    )


EXTERNAL_MODELS: Mapping[str, ExternalSpec] = {
    spec.name: spec
    for spec in (
        _torchxrayvision(
            "all",
            "nih-pc-chex-mimic_ch-google-openi-kaggle",
            "radiographs of several hospitals (NIH, PadChest, CheXpert, MIMIC-CXR, OpenI, RSNA)",
            ("adult",),
            # Public projects that pin the file agree on this; its authors publish no checksum.
            "56524913dd16a906422e8d8b66a7a5c46be1d82eb7ac012d8103776f1aa68899",
        ),
        _torchxrayvision("rsna", "kaggle", "the RSNA pneumonia challenge, which is a part of NIH's set", ("adult",)),
        _torchxrayvision("nih", "nih", "NIH ChestX-ray14", ("adult",)),
        _torchxrayvision("chex", "chex", "CheXpert, of Stanford Hospital", ()),
    )
}


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
    evidence: Mapping[str, Mapping[str, Figure]] = field(default_factory=dict)

    def points(self, population: Population) -> dict[str, float]:
        """The population's operating points by name, from the most sensitive on; “high sensitivity” is the default."""
        maximum = {"maximum sensitivity": self.maximum[population]} if population in self.maximum else {}
        balanced = {"balanced": self.balanced[population]} if population in self.balanced else {}
        return {**maximum, "high sensitivity": self.thresholds[population], **balanced}


def get_spec(name: str) -> ModelSpec:
    """The model of that name, one of ours or an external one.

    Raises:
        UnknownModel: there is none.
    """
    spec = MODELS.get(name) or EXTERNAL_MODELS.get(name)
    if spec is None:
        raise UnknownModel(name, ", ".join((*MODELS, *EXTERNAL_MODELS)))
    return spec


def read_card(spec: ModelSpec) -> Card:
    """The model's card.

    Raises:
        WeightsMissing: there is no card.
        WeightsDamaged: it is not one.
    """
    try:
        content = json.loads(spec.card_path.read_text())
        points = content["operating_points"]
        card = Card(
            weights_sha256=content["weights_sha256"],
            thresholds={population: float(points[population]["threshold"]) for population in POPULATIONS},
            target_sensitivity={population: float(points[population]["sensitivity"]) for population in POPULATIONS},
            heat_method=content["heat"]["method"],
            heat_reference=float(content["heat"]["reference"]),
            scores={
                (population, split): _scores(s)
                for population in POPULATIONS
                for split, s in content["scores"][population].items()
            },
            training=content["training"],
            maximum={p: float(points[p]["maximum"]) for p in POPULATIONS if "maximum" in points[p]},
            balanced={p: float(points[p]["balanced"]) for p in POPULATIONS if "balanced" in points[p]},
            temperature=float(content.get("temperature", 1.0)),
            evidence={
                what: {name: Figure(**figure) for name, figure in figures.items()}
                for what, figures in content.get("evidence", {}).items()
            },
        )
        if not _is_usable(card):
            raise ValueError("an operating point or the heat reference is out of range")
        return card
    except OSError as error:
        raise WeightsMissing(spec.card_path) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsDamaged(spec.card_path, "it is not a model card") from error


def _is_usable(card: Card) -> bool:
    return (
        card.heat_method in HEAT_METHODS
        and 0 < card.heat_reference < math.inf
        and 0 < card.temperature < math.inf
        and all(0 <= t <= 1 for points in (card.thresholds, card.maximum, card.balanced) for t in points.values())
    )


def write_card(spec: ModelSpec, card: Card) -> None:
    """Write a card beside its weights, for `read_card`."""
    content = {
        "model": spec.name,
        "weights_sha256": card.weights_sha256,
        "operating_points": {
            p: {"threshold": card.thresholds[p], "sensitivity": card.target_sensitivity[p]}
            | ({"maximum": card.maximum[p]} if p in card.maximum else {})
            | ({"balanced": card.balanced[p]} if p in card.balanced else {})
            for p in POPULATIONS
        },
        "temperature": card.temperature,
        "evidence": {
            what: {name: asdict(figure) for name, figure in figures.items()} for what, figures in card.evidence.items()
        },
        "heat": {"method": card.heat_method, "reference": card.heat_reference},
        "training": card.training,
        "scores": {
            p: {
                split: {
                    **_side("normal", scores.normal, scores.normal_files),
                    **_side("pneumonia", scores.pneumonia, scores.pneumonia_files),
                }
                for (population, split), scores in card.scores.items()
                if population == p
            }
            for p in POPULATIONS
        },
    }
    spec.card_path.write_text(json.dumps(content, indent=1) + "\n")


def add_evidence(spec: ModelSpec, what: str, figures: Mapping[str, Figure]) -> None:
    """Keep measured figures in the model's card, in place of earlier ones of the same."""
    card = read_card(spec)
    rounded = {
        name: Figure(round(f.estimate, 5), round(f.low, 5), round(f.high, 5), f.n) for name, f in figures.items() if f.n
    }
    write_card(spec, replace(card, evidence={**card.evidence, what: rounded}))


def _scores(content: Mapping[str, Any]) -> Scores:
    """Cards written before file names were kept have none."""
    return Scores(
        normal=np.array(content["normal"], dtype=float),
        pneumonia=np.array(content["pneumonia"], dtype=float),
        normal_files=_names(content.get("normal_files", [])),
        pneumonia_files=_names(content.get("pneumonia_files", [])),
    )


def _names(content: list[Any]) -> tuple[str, ...]:
    if not all(isinstance(name, str) for name in content):
        raise ValueError("a file name is no text")
    return tuple(content)


def _side(name: str, probabilities: NDArray[np.float64], files: tuple[str, ...]) -> dict[str, list[Any]]:
    """One class for the card: probabilities in ascending order and, where they are known, the file names beside."""
    rounded = [round(float(p), 6) for p in probabilities]
    if not files:
        return {name: sorted(rounded)}
    pairs = sorted(zip(rounded, files, strict=True))
    return {name: [p for p, _ in pairs], f"{name}_files": [file for _, file in pairs]}

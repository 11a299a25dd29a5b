"""The models: one `ModelSpec` each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pulmoscan.errors import UnknownModel
from pulmoscan.population import Population
from pulmoscan.settings import weights_folder


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
            summary="121 layers, each connected to all before it; 7 million parameters. The model to start with.",
        ),
        ModelSpec(
            name="resnet50",
            title="ResNet-50",
            role="baseline",
            architecture="resnet50",
            feature_layer="layer4",
            summary="50 layers with skip connections, 23.5 million parameters. Most papers compare with it.",
        ),
        ModelSpec(
            name="resnet18",
            title="ResNet-18",
            role="light",
            architecture="resnet18",
            feature_layer="layer4",
            summary="18 layers with skip connections, 11 million parameters. The fastest on a modest machine.",
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


def get_spec(name: str) -> ModelSpec:
    """The model of that name, one of ours or an external one.

    Raises:
        UnknownModel: there is none.
    """
    spec = MODELS.get(name) or EXTERNAL_MODELS.get(name)
    if spec is None:
        raise UnknownModel(name, ", ".join((*MODELS, *EXTERNAL_MODELS)))
    return spec

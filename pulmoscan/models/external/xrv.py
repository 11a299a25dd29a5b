"""torchxrayvision's DenseNet-121 (Cohen et al. 2022, arXiv 2111.00595): its input, its 18 outputs, its loading."""

from __future__ import annotations

import importlib
import warnings
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pulmoscan.errors import ExternalPackageMissing, ExternalPackageUnusable, ExternalWeightsRefused, WeightsDamaged
from pulmoscan.models.card import Card, read_card
from pulmoscan.models.classifier import Classifier, Forward
from pulmoscan.models.external import package_is_installed
from pulmoscan.models.external.allow_list import Refused, state_dict
from pulmoscan.models.external.weights import WeightsFile, keep_checksum, read_weights
from pulmoscan.models.findings import FieldOfView, Finding
from pulmoscan.models.heads import PooledHead
from pulmoscan.models.networks import Network
from pulmoscan.models.registry import ExternalSpec
from pulmoscan.population import POPULATIONS
from pulmoscan.runtime import Settings
from pulmoscan.runtime.once import Once

INPUT_SIZE = 224
MAIN_FINDING = "Pneumonia"
SCALED_THRESHOLD = 0.5
"""The package scales its outputs so that each operating point comes to lie here."""

HEAT_REFERENCE = 1.0
"""Log-odds of one feature cell at full strength: set, not measured, since no validation set is behind these models."""

SCORE_NOTE = (
    "The number is a score, not a probability: torchxrayvision scales it so that 0.5 is the operating point that its "
    "authors chose."
)


class XrvNetwork(Network):
    """The package's DenseNet-121 with 18 outputs; as a `Network`, its head gives the one for pneumonia."""

    backbone: Any  # torchxrayvision's DenseNet, which is not typed
    rectifies = True

    def __init__(self, backbone: nn.Module, targets: list[str], thresholds: list[float]) -> None:
        super().__init__()
        self.backbone = backbone
        self.targets = targets
        self.register_buffer("thresholds", torch.tensor(thresholds))
        main = targets.index(MAIN_FINDING)
        every = self.backbone.classifier
        self._linear = nn.Linear(every.in_features, 1)
        with torch.no_grad():
            self._linear.weight.copy_(every.weight[main : main + 1])
            self._linear.bias.copy_(every.bias[main : main + 1])

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Model input [N, 1, 224, 224] -> the output of norm5 [N, 1024, 7, 7]."""
        return self.backbone.features(x)

    @property
    def linear(self) -> nn.Linear:
        return self._linear

    def probabilities(self, feature_map: torch.Tensor) -> torch.Tensor:
        """Feature map -> the sigmoid of each output [N, 18]."""
        return torch.sigmoid(self.backbone.classifier(self.head.activate(feature_map).mean(dim=(2, 3))))


class XrvClassifier(Classifier):
    """One of the package's networks, taking the same path as ours."""

    spec: ExternalSpec

    def __init__(self, spec: ExternalSpec, card: Card, network: XrvNetwork, weights: WeightsFile) -> None:
        self.spec = spec
        self.card = card
        self._xrv = network.eval().requires_grad_(False)
        self._head = network.head.frozen()
        self._package = import_package(spec)
        self.weights = weights

    @property
    def settings(self) -> Settings:
        """Always PyTorch, as the package runs it: a baseline that is used as it is."""
        return Settings("torch", threads=torch.get_num_threads())

    def prepare(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """The package's own steps: to [-1024, 1024], the middle square, 224 pixels; float32 [1, 1, 224, 224]."""
        datasets = self._package.datasets
        scaled = self._package.utils.normalize(pixels, maxval=1.0)[None]
        square = datasets.XRayResizer(INPUT_SIZE)(datasets.XRayCenterCrop()(scaled))
        return np.ascontiguousarray(square, dtype=np.float32)[None]

    def field_of_view(self, height: int, width: int) -> FieldOfView:
        """The middle square, as the package's `XRayCenterCrop` cuts it."""
        side = min(height, width)
        top, left = height // 2 - side // 2, width // 2 - side // 2
        return FieldOfView(top / height, left / width, side / height, side / width)

    def forward(self, x: NDArray[np.float32]) -> Forward:
        """As for ours; the probabilities are the package's scaled scores, the logits come before scaling."""
        with torch.no_grad():
            feature_map = self._xrv.features(torch.from_numpy(x))
            logits = self._xrv.head(feature_map)
            scores = self._scaled(self._xrv.probabilities(feature_map))
        main = scores[:, self._xrv.targets.index(MAIN_FINDING)]
        return Forward(logits.numpy(), main.numpy(), feature_map.numpy())

    def probability(self, forward: Forward) -> float:
        """The package's scaled score, not the logit's probability: 0.5 is its authors' operating point."""
        return float(forward.probabilities[0])

    @property
    def head(self) -> PooledHead:
        """Of the logit of pneumonia."""
        return self._head

    def findings(self, forward: Forward) -> tuple[Finding, ...]:
        """Every output that this model was trained for, in the package's order."""
        with torch.no_grad():
            probabilities = self._xrv.probabilities(torch.from_numpy(forward.feature_map[:1]))
            scores = self._scaled(probabilities)
        values = zip(
            self._xrv.targets, scores[0].tolist(), probabilities[0].tolist(), self._thresholds.tolist(), strict=True
        )
        return tuple(Finding(name.replace("_", " "), s, p, t) for name, s, p, t in values if name)

    def notes(self, field_of_view: FieldOfView) -> tuple[str, ...]:
        notes = [SCORE_NOTE]
        if self.weights.is_published is False:
            notes.append(
                f"NOT THE PUBLISHED WEIGHTS (SHA-256 {self.weights.sha256[:12]}…): a test file or someone else's. "
                "What it says means nothing for the published model."
            )
        if not field_of_view.is_whole:
            seen = field_of_view.height * field_of_view.width
            notes.append(f"The model sees the middle square only: {100 * seen:.0f} % of the picture.")
        return tuple(notes)

    @property
    def _thresholds(self) -> torch.Tensor:
        return self._xrv.get_buffer("thresholds")

    def _scaled(self, probabilities: torch.Tensor) -> torch.Tensor:
        return self._package.models.op_norm(probabilities, self._thresholds)


def import_package(spec: ExternalSpec) -> ModuleType:
    """torchxrayvision itself; seconds on the first call.

    Raises:
        ExternalPackageMissing: it is not installed.
        ExternalPackageUnusable: it cannot be imported.
    """
    if not package_is_installed():
        raise ExternalPackageMissing(spec.title)
    try:
        with warnings.catch_warnings():  # it silences all warnings of the whole process
            return importlib.import_module("torchxrayvision")
    except Exception as error:  # it pulls in a dozen packages
        raise ExternalPackageUnusable(f"{type(error).__name__}: {error}") from error


def load_external(spec: ExternalSpec) -> XrvClassifier:
    """The classifier, loaded once per process and state of its files.

    Raises:
        ExternalPackageMissing, ExternalPackageUnusable: of the package.
        ExternalWeightsMissing, ExternalWeightsRefused: of the weights or of the card.
    """
    return _loaded.get(spec.name, (spec.weights_path, spec.card_path), lambda: _load(spec))


_loaded: Once[XrvClassifier] = Once()


def _load(spec: ExternalSpec) -> XrvClassifier:
    package = import_package(spec)
    weights = read_weights(spec)
    network = _network(spec, package, weights.data)
    keep_checksum(spec, weights.sha256)
    return XrvClassifier(spec, _card(spec, weights), network, weights)


def _network(spec: ExternalSpec, package: ModuleType, data: bytes) -> XrvNetwork:
    try:
        state = state_dict(data)
    except Refused as error:
        raise ExternalWeightsRefused(spec.weights_path, str(error)) from error
    except Exception as error:  # PyTorch and pickle raise what they like on damaged files
        raise ExternalWeightsRefused(spec.weights_path, "it is damaged or cut short") from error
    published = package.models.model_urls[spec.published_as]
    backbone = package.models.DenseNet(num_classes=len(published["labels"]), in_channels=1)
    try:
        backbone.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise ExternalWeightsRefused(spec.weights_path, "it does not hold this architecture's weights") from error
    if not all(torch.isfinite(value).all() for value in backbone.state_dict().values()):
        raise ExternalWeightsRefused(spec.weights_path, "it holds values that are no numbers")
    return XrvNetwork(backbone, published["labels"], published["op_threshs"])


def _card(spec: ExternalSpec, weights: WeightsFile) -> Card:
    """What `evaluate --record` wrote for these very weights; else a card without figures.

    Raises:
        ExternalWeightsRefused: the card is of other weights, or is none.
    """
    if not spec.card_path.exists():
        return blank_card(weights.sha256)
    mend = "Delete it and measure again with `python -m pulmoscan evaluate --record`."
    try:
        card = read_card(spec)
    except WeightsDamaged as error:
        raise ExternalWeightsRefused(spec.card_path, "it is not a model card", mend) from error
    if card.weights_sha256 != weights.sha256:
        raise ExternalWeightsRefused(spec.card_path, "its figures were measured on other weights", mend)
    return card


def blank_card(sha256: str) -> Card:
    """The card of weights that nobody has measured here: the authors' operating point, and no figures."""
    return Card(
        weights_sha256=sha256,
        thresholds=dict.fromkeys(POPULATIONS, SCALED_THRESHOLD),
        target_sensitivity=dict.fromkeys(POPULATIONS, 0.0),
        heat_method="gradcam",
        heat_reference=HEAT_REFERENCE,
        scores={},
        training={},
    )

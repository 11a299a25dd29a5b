"""ModelSpec -> Classifier: one forward pass gives logit, probability and feature map, in a runtime of the machine's."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load as load_safetensors

from pulmoscan.errors import WeightsDamaged, WeightsMissing
from pulmoscan.models import preprocessing
from pulmoscan.models.activations import sigmoid
from pulmoscan.models.card import Card, read_card
from pulmoscan.models.findings import WHOLE, FieldOfView, Finding
from pulmoscan.models.heads import PooledHead, load_head
from pulmoscan.models.precision import holds_in_bfloat16
from pulmoscan.models.preprocessing import INPUT_SIZE
from pulmoscan.models.registry import ModelSpec
from pulmoscan.models.site_profile import SiteProfile
from pulmoscan.runtime import NetworkSource, Settings, compile_network, settings
from pulmoscan.runtime.memory import trim_malloc
from pulmoscan.runtime.once import Once

if TYPE_CHECKING:
    from torch import nn

CODE = (Path(__file__).with_name("networks.py"),)
"""The file that says what a classifier's network computes."""


@dataclass(frozen=True)
class Forward:
    """The result of one forward pass over N radiographs.

    Attributes:
        logits: float32 [N].
        probabilities: float32 [N] in [0, 1].
        feature_map: float32 [N, C, H, W], the output of the model's feature layer.
    """

    logits: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    feature_map: NDArray[np.float32]


class Classifier:
    """A trained network, compiled for this machine (see `runtime`). It is shared by all threads and never mutated.

    External models derive from it: what is peculiar to a model (its input, its outputs) is in these methods alone.

    Args:
        weights: a safetensors file. Only the head is held on to, except by the torch runtimes.
        how: by default what the environment asks for.

    Raises:
        WeightsDamaged: the weights are no such file or do not fit the architecture.
        InvalidSetting, RuntimeNotInstalled: the environment asks for what cannot be had.
    """

    site: SiteProfile | None = None
    profiles_of_others: tuple[SiteProfile, ...] = ()

    def __init__(self, spec: ModelSpec, card: Card, weights: bytes, how: Settings | None = None) -> None:
        self.spec = spec
        self.card = card
        how = (how or settings()).settled(holds_in_bfloat16(card))
        self._compiled = compile_network(
            _source(spec, weights), (1, 3, INPUT_SIZE, INPUT_SIZE), ("logits", "feature_map"), spec.name, how
        )
        self._head = load_head(spec.feature_layer, load_safetensors(weights))

    def at_site(self, profile: SiteProfile) -> Classifier:
        """The same network, by a site's operating points.

        Raises:
            SiteProfileMismatch: the profile was measured with another.
        """
        profile.check(self.spec.name, self.card.weights_sha256, self.settings.precision)
        there = copy.copy(self)
        there.card = replace(self.card, thresholds=profile.thresholds(self.card.thresholds))
        there.site = profile
        return there

    def beside(self, profiles: Iterable[SiteProfile]) -> Classifier:
        """The same network where profiles are in force, but for other models alone; every reading then says so."""
        here = copy.copy(self)
        here.profiles_of_others = tuple(profiles)
        return here

    @property
    def head(self) -> PooledHead:
        """Feature map -> logit, and the gradient of it."""
        return self._head

    @property
    def settings(self) -> Settings:
        """How its forward passes are run."""
        return self._compiled.settings

    def prepare(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Radiograph, float32 [H, W] in [0, 1] -> model input [1, …, 224, 224]."""
        return preprocessing.model_input(pixels)

    def field_of_view(self, height: int, width: int) -> FieldOfView:  # noqa: ARG002 - ours see everything
        """The part of a radiograph of that size that the model sees."""
        return WHOLE

    def probability(self, forward: Forward) -> float:
        """Of the first radiograph of a forward pass, calibrated, in [0, 1]: what the threshold is compared with."""
        return float(sigmoid(forward.logits[0] / self.card.temperature))

    def findings(self, forward: Forward) -> tuple[Finding, ...]:  # noqa: ARG002
        """What else the model looks for, in the first radiograph of a forward pass; ours look for pneumonia alone."""
        return ()

    def notes(self, field_of_view: FieldOfView) -> tuple[str, ...]:  # noqa: ARG002
        """What must be said with every reading by this model, one sentence each."""
        return ()

    def forward(self, x: NDArray[np.float32]) -> Forward:
        """Model input [N, 3, 224, 224] (see `preprocessing`) through the network.

        A radiograph gets the same numbers, bit for bit, alone and in a batch, in any thread.
        """
        outputs = self._compiled(x)
        return Forward(outputs["logits"], sigmoid(outputs["logits"]), outputs["feature_map"])


def _source(spec: ModelSpec, weights: bytes) -> NetworkSource:
    def build() -> nn.Module:
        # torchvision is slow and large to import, and a start from the cache does without it.
        from pulmoscan.models.networks import in_two, load_network

        return in_two(load_network(spec, weights))

    return NetworkSource(build, weights, CODE, exact_beginning=True)


def load_own(spec: ModelSpec) -> Classifier:
    """One of our models, loaded once per process, state of its files and settings.

    Raises:
        WeightsMissing: its weights or its card are not there.
        WeightsDamaged: they are, but cannot be used, or do not belong together.
        InvalidSetting, RuntimeNotInstalled: the environment asks for what cannot be had.
    """
    return _loaded.get(spec.name, (spec.weights_path, spec.card_path), lambda: _load(spec), settings())


_loaded: Once[Classifier] = Once()


def _load(spec: ModelSpec) -> Classifier:
    card = read_card(spec)
    try:
        data = spec.weights_path.read_bytes()
    except OSError as error:
        raise WeightsMissing(spec.weights_path) from error
    if hashlib.sha256(data).hexdigest() != card.weights_sha256:
        raise WeightsDamaged(
            spec.weights_path,
            f"its checksum is not the one in {spec.card_path.name}: it is damaged, or was replaced without measuring "
            "again with `python -m pulmoscan calibrate`",
        )
    classifier = Classifier(spec, card, data)
    trim_malloc()
    return classifier

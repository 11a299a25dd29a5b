"""Where the lungs are, and what kind of picture this is: one pass of the lung network over a radiograph."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pulmoscan.errors import LungWeightsMissing, WeightsDamaged
from pulmoscan.examination.findings import Findings
from pulmoscan.models import preprocessing
from pulmoscan.models.activations import sigmoid, softmax
from pulmoscan.models.preprocessing import INPUT_SIZE
from pulmoscan.reading.records import Record, read_record, write_record
from pulmoscan.runtime import NetworkSource, Settings, compile_network, settings
from pulmoscan.runtime.memory import trim_malloc
from pulmoscan.runtime.once import Once
from pulmoscan.settings import weights_folder

if TYPE_CHECKING:
    from pulmoscan.examination.lung_network import LungNetwork

CODE = (Path(__file__).with_name("lung_network.py"),)
"""The file that says what the lung network computes."""

OUTPUTS = ("lungs", "kinds", "mahalanobis")
"""Names of what `LungNetwork.forward` returns."""

SPECK_SHARE = 0.02
"""Parts of an outline below this share of its area are specks, not lungs."""

OUTLINE_COLOUR = (64, 224, 255)
"""RGB; no colour of the heatmap comes near it."""

OUTLINE_FINENESS = 400
"""The outline is one pixel thick for so many of the picture's longer side."""


@dataclass(frozen=True, eq=False)
class ChestView:
    """What the lung network says of one picture.

    Attributes:
        lungs: the outline at the model input's size, [224, 224] as bits (`np.packbits`), since a batch keeps many.
        chest, whole, inverted, side: probability that it is a frontal chest radiograph, that both lungs are in it, that
            its grey values are inverted, and that it is a side view of the chest.
        turns: probabilities [4] of its having been turned by so many quarter turns counter-clockwise.
        mahalanobis: distance from usual chest radiographs; 1 is usual.
    """

    lungs: NDArray[np.uint8]
    chest: float
    whole: float
    inverted: float
    side: float
    turns: NDArray[np.float32]
    mahalanobis: float

    @classmethod
    def of(cls, found: Findings[NDArray[np.float32]]) -> ChestView:
        """What the network found in the one picture it was given."""
        return cls(
            lungs=np.packbits(found.lungs[0] > 0),
            chest=float(sigmoid(found.chest[0])),
            whole=float(sigmoid(found.whole[0])),
            inverted=float(sigmoid(found.inverted[0])),
            side=float(sigmoid(found.side[0])),
            turns=softmax(found.turns[0]),
            mahalanobis=float(found.mahalanobis[0]),
        )

    @property
    def mask(self) -> NDArray[np.bool_]:
        """The lungs without specks, bool [224, 224]."""
        inside = np.unpackbits(self.lungs).reshape(INPUT_SIZE, INPUT_SIZE)
        count, labels, statistics, _ = cv2.connectedComponentsWithStats(inside)
        areas = statistics[:, cv2.CC_STAT_AREA]
        large = [i for i in range(1, count) if areas[i] >= SPECK_SHARE * areas[1:].sum()]
        return np.isin(labels, large)

    def mask_at(self, height: int, width: int) -> NDArray[np.bool_]:
        """The lungs at a radiograph's own size, bool [height, width]."""
        smooth = cv2.resize(self.mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(smooth > 0.5)

    def share_inside(self, heat: NDArray[np.float32]) -> float | None:
        """Share of a heatmap [H, W] that lies inside the lungs, in [0, 1]; None without heat or lungs."""
        total = float(heat.sum())
        if total <= 0 or not self.mask.any():
            return None
        return float(heat[self.mask_at(heat.shape[0], heat.shape[1])].sum()) / total


def draw_outline(picture: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Draw the lungs' outline.

    Args:
        picture: uint8, grey [H, W] or RGB [H, W, 3].
        mask: the lungs, bool [H, W].

    Returns:
        uint8 RGB [H, W, 3].
    """
    drawn = cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB) if picture.ndim == 2 else picture.copy()
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    thickness = max(1, round(max(mask.shape) / OUTLINE_FINENESS))
    return np.asarray(cv2.drawContours(drawn, outlines, -1, OUTLINE_COLOUR, thickness, cv2.LINE_AA), dtype=np.uint8)


@dataclass(frozen=True)
class LungCard:
    """What was measured on one set of weights of the lung network.

    Attributes:
        weights_sha256: of the weights file.
        limits: the gate's limits, fixed on validation (see `gate`).
        training: the training record.
        figures: what `lungs --evaluate` measured, by name: estimate, low, high, n.
    """

    weights_sha256: str
    limits: Mapping[str, float]
    training: Mapping[str, Any]
    figures: Mapping[str, Mapping[str, float]]


class LungReader:
    """The trained lung network, compiled for this machine (see `runtime`). It is shared by all threads and never
    mutated.

    Args:
        weights: a safetensors file.
        how: by default what the environment asks for.

    Raises:
        WeightsDamaged: the weights are no such file or do not fit.
        InvalidSetting, RuntimeNotInstalled: the environment asks for what cannot be had.
    """

    def __init__(self, weights: bytes, card: LungCard, how: Settings | None = None) -> None:
        self.card = card
        source = NetworkSource(lambda: load_network(weights), weights, CODE)
        self._compiled = compile_network(source, (1, 1, INPUT_SIZE, INPUT_SIZE), OUTPUTS, "lungs", how)

    def look(self, pixels: NDArray[np.float32]) -> ChestView:
        """One pass over a radiograph's pixels, float32 [H, W] in [0, 1]."""
        grey = preprocessing.standardise(preprocessing.resample(pixels))
        outputs = self._compiled(grey[None, None])
        lungs, kinds, mahalanobis = (outputs[name] for name in OUTPUTS)
        return ChestView.of(Findings.of((lungs, kinds, mahalanobis)))


def weights_path() -> Path:
    """Where the lung network's weights are."""
    return weights_folder() / "lungs.safetensors"


def card_path() -> Path:
    """Where their card is."""
    return weights_folder() / "lungs.json"


class _CardFile(Record, frozen=True):
    """A lung card as its file holds it."""

    model: str
    weights_sha256: str
    limits: dict[str, float]
    figures: dict[str, dict[str, int | float]]
    training: dict[str, Any]


def read_card() -> LungCard:
    """The lung network's card.

    Raises:
        LungWeightsMissing: there is no card.
        WeightsDamaged: it is not one.
    """
    path = card_path()
    try:
        content = read_record(path, _CardFile)
    except OSError as error:
        raise LungWeightsMissing(path) from error
    except ValueError as error:
        raise WeightsDamaged(path, "it is not the lung network's card") from error
    return LungCard(content.weights_sha256, content.limits, content.training, content.figures)


def write_card(card: LungCard) -> None:
    """Write a card beside its weights, for `read_card`."""
    content = _CardFile(
        model="lungs",
        weights_sha256=card.weights_sha256,
        limits=dict(card.limits),
        figures={name: dict(figure) for name, figure in card.figures.items()},
        training=dict(card.training),
    )
    write_record(card_path(), content)


def load_network(data: bytes) -> LungNetwork:
    """The network with the weights in the safetensors file `data`, loaded strictly and computed in float32.

    Raises:
        WeightsDamaged: it is no such file or does not fit.
    """
    # A start from the cache does without PyTorch.
    from safetensors import SafetensorError
    from safetensors.torch import load as load_safetensors

    from pulmoscan.examination.lung_network import LungNetwork

    network = LungNetwork()
    try:
        network.load_state_dict(load_safetensors(data), strict=True)
    except (SafetensorError, RuntimeError, ValueError, KeyError) as error:
        raise WeightsDamaged(weights_path(), "it does not hold the lung network's weights") from error
    return network


def load_reader() -> LungReader:
    """The lung network, loaded once per process, state of its files and settings.

    Raises:
        LungWeightsMissing: its weights or its card are not there.
        WeightsDamaged: they are, but cannot be used, or do not belong together.
        InvalidSetting, RuntimeNotInstalled: the environment asks for what cannot be had.
    """
    return _loaded.get("lungs", (weights_path(), card_path()), _load, settings())


_loaded: Once[LungReader] = Once()


def _load() -> LungReader:
    card = read_card()
    try:
        data = weights_path().read_bytes()
    except OSError as error:
        raise LungWeightsMissing(weights_path()) from error
    if hashlib.sha256(data).hexdigest() != card.weights_sha256:
        raise WeightsDamaged(weights_path(), f"its checksum is not the one in {card_path().name}")
    reader = LungReader(data, card)
    trim_malloc()
    return reader

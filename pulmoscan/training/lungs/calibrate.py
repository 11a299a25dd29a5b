"""Fix the gate's limits on validation radiographs, and write the lung network's weights and card."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from pulmoscan.errors import DatasetError
from pulmoscan.examination import gate
from pulmoscan.examination.lung_network import LungNetwork
from pulmoscan.examination.lungs import ChestView, LungCard, LungReader, weights_path, write_card
from pulmoscan.models import preprocessing
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.training.data.pictures import Picture, load_pictures, select
from pulmoscan.training.state import save_weights

USUAL_CHESTS = 1500
"""Training radiographs that say what is usual, children and adults in equal number where there are enough."""

REFUSED_SHARE = 0.001
"""Of the validation radiographs, for each limit: with some 900 of them, the limit lies at the extreme one."""

SUREST_SIDE = 0.9
"""However sure of a side view the network is of some validation radiograph, above this it is believed."""

MARGIN = 0.8
"""Limits lie this much further out than the validation radiographs, by factor."""


def calibrate_lungs(network: LungNetwork, data: Sequence[Path], training: Mapping[str, Any]) -> LungCard:
    """Learn what is usual, write the weights, fix the limits on validation and write the card.

    Raises:
        DatasetError: the data has no validation radiographs.
    """
    pictures = load_pictures(data)
    chests = [p for p in select(pictures, "validation") if p.is_chest]
    if not chests:
        raise DatasetError("The data holds no validation radiographs: give the dataset folders it was trained on.")
    network.learn_usual(_embeddings(network, [p for p in select(pictures, "train") if p.is_chest]))
    save_weights(network, weights_path())
    written = weights_path().read_bytes()
    card = LungCard(hashlib.sha256(written).hexdigest(), {}, training, {})
    reader = LungReader(written, card)
    views = [reader.look(load_radiograph(p.path).pixels) for p in tqdm(chests, desc="validation", disable=None)]
    card = LungCard(card.weights_sha256, limits(views), training, {})
    write_card(card)
    for population in ("child", "adult"):
        refused = [gate.check(v, card.limits) for v, p in zip(views, chests, strict=True) if p.population == population]
        print(f"validation, {population}: {sum(r is not None for r in refused)} of {len(refused)} refused")
    return card


def limits(views: Sequence[ChestView]) -> dict[str, float]:
    """The gate's limits, from what the network says of upright validation radiographs."""
    return {
        "chest": 0.5,
        "side": max(0.5, min(SUREST_SIDE, _high(views, lambda view: view.side))),
        "mahalanobis": _high(views, lambda view: view.mahalanobis),
        "turned": 0.5,
        "inverted": 0.5,
        "whole": min(0.5, _low(views, lambda view: view.whole)),
        "smallest_area": _low(views, gate.area),
        "largest_area": min(1.0, _high(views, gate.area)),
        "smaller_lung": _low(views, gate.smaller_lung),
    }


def _low(views: Sequence[ChestView], value: Callable[[ChestView], float]) -> float:
    return round(MARGIN * float(np.quantile([value(v) for v in views], REFUSED_SHARE, method="lower")), 4)


def _high(views: Sequence[ChestView], value: Callable[[ChestView], float]) -> float:
    return round(float(np.quantile([value(v) for v in views], 1 - REFUSED_SHARE, method="higher")) / MARGIN, 4)


@torch.no_grad()
def _embeddings(network: LungNetwork, chests: Sequence[Picture]) -> torch.Tensor:
    network.eval()
    chosen: list[Picture] = []
    for population in ("child", "adult"):
        of_these = [p for p in chests if p.population == population]
        chosen += of_these[:: max(1, 2 * len(of_these) // USUAL_CHESTS)]
    rows = []
    for picture in tqdm(chosen, desc="what is usual", disable=None):
        grey = preprocessing.standardise(preprocessing.resample(load_radiograph(picture.path).pixels))
        rows.append(network.embed(torch.from_numpy(grey)[None, None]))
    return torch.cat(rows)

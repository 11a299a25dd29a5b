"""The class-conditional generative model of the sample gallery: shape and appearance of children's chests.

Training radiographs are aligned densely (`alignment`), so that each becomes a vector: what it looks like in the shape
that all share, how its own shape differs from that one, and its display tone. For each class, the principal components
of the vectors span a Gaussian that new radiographs are drawn from.

Cootes, Edwards, Taylor 2001, *Active Appearance Models*, IEEE TPAMI 23(6); Tipping, Bishop 1999, *Probabilistic
Principal Component Analysis*, JRSS B 61(3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from tools.alignment import (
    HEIGHT,
    LUNG_BOX,
    WIDTH,
    Flow,
    Image,
    align_to_mean_shape,
    blur,
    detail,
    follow,
    invert,
    lung_correlation,
)
from tools.detail_bands import Energies, restore_detail, typical_energies
from tools.sources import SourceRadiograph

WELL_ALIGNED = 0.6
"""Of each class's radiographs, the share that is learned from: those that align best. Others would blur the ribs."""

COMPONENTS = 60
"""For each class. Fewer give smoother lungs; many more give what happens to be in a few radiographs."""

TRUNCATION = 0.85
"""Standard deviation of a draw in each component, where patients' is 1: the rarest anatomies are left out."""

SHAPE_WEIGHT, TONE_WEIGHT = 0.7, 0.5
"""Standard deviation of all shape and all tone together, where that of all appearance is 1."""

SHAPE_SIZE = (56, 40)
"""Width and height that a flow is stored at: it is smooth."""

MARKER_DEVIATIONS = (3.0, 1.5)
"""Values further from their class's median than so many robust standard deviations, within the lungs' box and around
it, are cut to that: side markers, cables, tubes."""

OUTSIDE_SIGMA = 8.0
"""Pixels: around the lungs, where arms and clothes do not align, patients differ by what is coarser than this."""

ENERGIES_OF_EVERY = 3
"""The typical strength of detail is that of every third radiograph: more change nothing that one could see."""

EDGE = 8
"""Pixels cut from each side of the finished frame, where some radiographs have no image."""


@dataclass(frozen=True)
class Scales:
    """What the parts of a vector are multiplied by, so that they weigh what they are to weigh."""

    appearance: float
    shape: float
    tone: NDArray[np.float64]  # low, high and log squeeze of a `SourceRadiograph`


@dataclass(frozen=True)
class ClassModel:
    """The radiographs of one class: a Gaussian over vectors, and how strong their detail typically is."""

    components: PCA
    energies: Energies
    learned_from: int


@dataclass(frozen=True)
class Generator:
    """Two models over vectors of the same `scales`: [appearance 320 × 448, shape 40 × 56 × 2, tone 3]."""

    normal: ClassModel
    pneumonia: ClassModel
    scales: Scales


@dataclass(frozen=True)
class Drawn:
    """A generated radiograph: `pixels` [H, 448] in [0, 1] and `framed` [320, 448], the same before its display tone."""

    pixels: Image
    framed: Image


def fit(sources: Sequence[SourceRadiograph], components: int = COMPONENTS) -> Generator:
    """Learn from radiographs of both classes; takes some minutes and several GB of memory."""
    details = [detail(source.pixels) for source in sources]
    labels = np.array([source.example.label for source in sources])
    alignment = align_to_mean_shape(details, _most_typical(details, np.flatnonzero(labels == 0)))
    parts = []
    for label in (0, 1):
        members = np.flatnonzero(labels == label)
        members = members[alignment.fits[members] >= np.quantile(alignment.fits[members], 1 - WELL_ALIGNED)]
        chosen = [sources[i] for i in members.tolist()]
        flows = [alignment.flows[i].astype(np.float32) for i in members]
        appearance = np.stack([follow(source.pixels, flow) for source, flow in zip(chosen, flows, strict=True)])
        shape = np.stack([cv2.resize(flow, SHAPE_SIZE, interpolation=cv2.INTER_AREA) for flow in flows])
        tone = np.array([[source.low, source.high, math.log(source.squeeze)] for source in chosen])
        parts.append((without_markers(appearance), shape, tone))
    scales = _scales(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    normal, pneumonia = (_class_model(*part, scales, components) for part in parts)
    return Generator(normal, pneumonia, scales)


def draw(generator: Generator, pneumonia: float, seed: int) -> Drawn:
    """A new radiograph.

    Args:
        pneumonia: what it is conditioned on: 0 normal, 1 pneumonia; between them, the Gaussian whose mean and
            covariance lie so far between theirs.
        seed: the same seed and generator give the same radiograph.
    """
    random = np.random.default_rng(seed)
    vector = np.zeros_like(generator.normal.components.mean_)
    energies = np.zeros_like(generator.normal.energies)
    for model, share in ((generator.normal, 1 - pneumonia), (generator.pneumonia, pneumonia)):
        pca = model.components
        deviations = TRUNCATION * random.standard_normal(pca.n_components_) * np.sqrt(pca.explained_variance_)
        vector = vector + share * pca.mean_ + math.sqrt(share) * (deviations @ pca.components_)
        energies = energies + share * model.energies
    return _picture(vector, energies, generator.scales)


def without_markers(aligned: NDArray[np.float32]) -> NDArray[np.float32]:
    """Aligned radiographs [N, 320, 448] of one class without what only a few of them show."""
    median = np.median(aligned, axis=0)
    reach = blur(1.4826 * np.median(np.abs(aligned - median), axis=0), 1)
    left, top, right, bottom = LUNG_BOX
    inside = np.zeros((HEIGHT, WIDTH), dtype=np.float32)
    inside[top:bottom, left:right] = 1
    inside = blur(inside, OUTSIDE_SIGMA)
    within, around = MARKER_DEVIATIONS
    cleaned = np.empty_like(aligned)
    for place, image in enumerate(aligned):
        own = image - median
        coarse = blur(np.clip(own, -around * reach, around * reach), OUTSIDE_SIGMA)
        cleaned[place] = median + inside * np.clip(own, -within * reach, within * reach) + (1 - inside) * coarse
    return cleaned


def _most_typical(details: Sequence[Image], among: NDArray[np.intp]) -> int:
    """The one whose detail, before any dense alignment, correlates best with the mean of all."""
    mean = np.asarray(np.mean([details[i] for i in among], axis=0), dtype=np.float32)
    return int(among[np.argmax([lung_correlation(mean, details[i]) for i in among])])


def _scales(appearance: NDArray[np.float32], shape: NDArray[np.float32], tone: NDArray[np.float64]) -> Scales:
    def deviation(part: NDArray[np.floating]) -> float:
        return math.sqrt(part.reshape(len(part), -1).var(axis=0).sum())

    return Scales(
        1 / deviation(appearance), SHAPE_WEIGHT / deviation(shape), TONE_WEIGHT / tone.std(axis=0) / math.sqrt(3)
    )


def _class_model(
    appearance: NDArray[np.float32],
    shape: NDArray[np.float32],
    tone: NDArray[np.float64],
    scales: Scales,
    components: int,
) -> ClassModel:
    parts = (appearance * scales.appearance, shape * scales.shape, tone * scales.tone)
    vectors = np.hstack([part.reshape(len(part), -1).astype(np.float32) for part in parts])
    energies = typical_energies(appearance[::ENERGIES_OF_EVERY])
    return ClassModel(PCA(components, svd_solver="full").fit(vectors), energies, len(vectors))


def _picture(vector: NDArray[np.floating], energies: Energies, scales: Scales) -> Drawn:
    appearance, shape, tone = np.split(vector, [HEIGHT * WIDTH, -len(scales.tone)])
    low, high, log_squeeze = tone / scales.tone
    flow = (shape / scales.shape).reshape(*SHAPE_SIZE[::-1], 2).astype(np.float32)
    whole: Flow = np.asarray(cv2.resize(flow, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), dtype=np.float32)
    smooth = (appearance / scales.appearance).reshape(HEIGHT, WIDTH).astype(np.float32)
    framed = follow(restore_detail(smooth, energies), invert(whole))
    shown = np.clip(low + framed * (high - low), 0, 1).astype(np.float32)[EDGE:-EDGE, EDGE:-EDGE]
    height = round(WIDTH * math.exp(log_squeeze) * shown.shape[0] / shown.shape[1])
    pixels = cv2.resize(shown, (WIDTH, height), interpolation=cv2.INTER_CUBIC)
    return Drawn(np.asarray(pixels, dtype=np.float32).clip(0, 1), framed)

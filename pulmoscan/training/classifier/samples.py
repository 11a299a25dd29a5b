"""Examples -> augmented training batches.

A batch holds single views and pairs. A pair shows one radiograph twice, from its small copy and from its larger
original, in the same scene with different grain: the two must score alike (see `train.consistency_loss`).

Of a positive each feature cell is told how much of it may hold evidence: where radiologists drew boxes, the ellipses in
them, elsewhere the lungs.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import Dataset, Sampler

from pulmoscan.examination import lungs
from pulmoscan.models.preprocessing import INPUT_SIZE, standardise
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.training.classifier.lung_guidance import random_background, replace_background, soft_lung_mask
from pulmoscan.training.data.augmentation import adult_copy, grain_augmentation, resample_randomly, scene_augmentation
from pulmoscan.training.data.datasets import Box, Example, Group
from pulmoscan.training.data.framing import WHOLE, Window, cropped_mask, random_window

FEATURE_GRID = 14
BOX_FEATHER_SIGMA = 4.0
"""Of the ellipses in radiologists' boxes, in pixels of the model input: no opacity ends at a line."""

WEIGHT_LIMITS = (0.2, 6.0)
Index = tuple[int, bool]
"""Which example, and whether as a pair."""


@dataclass(frozen=True)
class Sample:
    """One or two views [V, 224, 224] of an example, standardised, and how much of each feature cell [14, 14] may hold
    evidence, in [0, 1]."""

    views: NDArray[np.float32]
    target: NDArray[np.float32]
    label: int
    weight: float


@dataclass(frozen=True)
class Batch:
    """Views of a batch. The last `2 * pairs` rows are the pairs: all first views, then all second views."""

    grey: torch.Tensor  # [N, 224, 224], standardised
    targets: torch.Tensor  # [N, 14, 14]
    labels: torch.Tensor  # [N]
    weights: torch.Tensor  # [N]
    pairs: int


class TrainingSamples(Dataset[Sample]):
    """Random augmented views; every radiograph is held in memory as uint8 at its stored size (at most 448 here)."""

    def __init__(
        self,
        examples: Sequence[Example],
        weights: Sequence[float],
        lung_guided: bool = True,
        background_share: float = 0.6,
    ) -> None:
        self.examples = examples
        self.weights = weights
        self.background_share = background_share if lung_guided else 0.0
        self.images = [_read_grey(e.path) for e in examples]
        self.originals = [_read_grey(e.original) if e.original else None for e in examples]
        self.masks = [_lung_mask(e) if lung_guided else None for e in examples]
        self.opacities = [ellipses_in(e.boxes) if lung_guided and e.boxes else None for e in examples]
        self.scene = scene_augmentation()
        self.grain = grain_augmentation()

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: Index) -> Sample:
        number, paired = index
        rng = random.Random(torch.randint(2**62, ()).item())
        self.scene.set_random_seed(rng.randrange(2**31))
        self.grain.set_random_seed(rng.randrange(2**31))
        mask = self.masks[number]
        window = random_window(mask, rng) if mask is not None else WHOLE
        image, twin = self._versions(number, paired, window, rng)
        nothing = np.zeros_like(image)
        opacities = self.opacities[number]
        scene = self.scene(
            image=image,
            twin=twin,
            mask=nothing if mask is None else cropped_mask(mask, window),
            opacities=nothing if opacities is None else cropped_mask(opacities, window),
        )
        views = [scene["image"], scene["twin"]] if paired else [scene["image"]]
        soft = soft_lung_mask(scene["mask"])
        if mask is not None and rng.random() < self.background_share:
            other = resample_randomly(self.images[rng.randrange(len(self))], rng)
            background = random_background(other, rng)
            views = [replace_background(view, soft, background) for view in views]
        views = [standardise(self.grain(image=view)["image"].astype(np.float32)) for view in views]
        target = soft if opacities is None else _feathered(scene["opacities"])
        cells = cv2.resize(target, (FEATURE_GRID, FEATURE_GRID), interpolation=cv2.INTER_AREA).astype(np.float32)
        return Sample(np.stack(views), cells, self.examples[number].label, self.weights[number])

    def _versions(
        self, number: int, paired: bool, window: Window, rng: random.Random
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The radiograph from its copy or its original, whichever comes; of a pair, one from each."""
        copy, original = self.images[number], self.originals[number]
        if self.examples[number].population == "adult":
            copy = adult_copy(copy, rng)
        if original is None or not (paired or rng.random() < 0.5):
            image = resample_randomly(copy, rng, window)
            return image, resample_randomly(copy, rng, window) if paired else image
        twin = resample_randomly(original, rng, window)
        return (resample_randomly(copy, rng, window), twin) if paired else (twin, twin)


class BatchPlan(Sampler[list[Index]]):
    """One epoch in random order, and some pairs of the examples with an original per batch.

    Args:
        draws: how often each example comes in an epoch. Of the fraction a part of the examples comes, at random.
    """

    def __init__(self, examples: Sequence[Example], draws: Sequence[float], views: int, pairs: int, seed: int) -> None:
        self.draws = np.asarray(draws, dtype=np.float64)
        self.with_original = [i for i, e in enumerate(examples) if e.original]
        self.pairs = min(pairs, len(self.with_original))
        self.singles = views - 2 * self.pairs
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return int(self.draws.sum()) // self.singles

    def __iter__(self) -> Iterator[list[Index]]:
        rng = np.random.default_rng((self.seed, self.epoch))
        wanted = len(self) * self.singles
        times = np.floor(self.draws).astype(int) + (rng.random(len(self.draws)) < self.draws % 1)
        order = rng.permutation(np.repeat(np.arange(len(times)), times))
        if len(order) < wanted:  # chance drew fewer than the mean
            order = np.concatenate([order, rng.choice(order, wanted - len(order))])
        for start in range(0, wanted, self.singles):
            paired = rng.permutation(self.with_original)[: self.pairs]
            yield [(int(i), False) for i in order[start : start + self.singles]] + [(int(i), True) for i in paired]


def collate(samples: Sequence[Sample]) -> Batch:
    """Samples, the pairs last, to a batch in the order that `Batch` documents."""
    paired = [s for s in samples if len(s.views) == 2]
    rows = [s for s in samples if len(s.views) == 1] + paired
    views = [s.views[0] for s in rows] + [s.views[1] for s in paired]
    rows = rows + paired
    return Batch(
        grey=torch.from_numpy(np.stack(views)),
        targets=torch.from_numpy(np.stack([s.target for s in rows])),
        labels=torch.tensor([s.label for s in rows], dtype=torch.float32),
        weights=torch.tensor([s.weight for s in rows], dtype=torch.float32),
        pairs=len(paired),
    )


def draws_of(examples: Sequence[Example], by_group: Mapping[Group, float]) -> list[float]:
    """How often each example is drawn in an epoch; a group that is not named comes once."""
    return [by_group.get(e.group, 1.0) for e in examples]


def class_weights(examples: Sequence[Example], draws: Sequence[float]) -> list[float]:
    """A weight for each example that gives both classes, as they are drawn, equal say within each population.

    Among adults within each view too: of normals more were taken PA than of opacities, and a model would learn the view
    instead of the disease. Within `WEIGHT_LIMITS`, lest few examples shout.
    """
    strata = [(e.population, e.subgroup if e.population == "adult" else "") for e in examples]
    in_class: Counter[tuple[tuple[str, str], int]] = Counter()
    for stratum, example, drawn in zip(strata, examples, draws, strict=True):
        in_class[stratum, example.label] += drawn  # type: ignore[assignment]  # counts may be fractions here
    weights = []
    for stratum, example in zip(strata, examples, strict=True):
        classes = [in_class[stratum, label] for label in (0, 1) if in_class[stratum, label]]
        fair = (
            sum(classes) / (len(classes) * in_class[stratum, example.label]) if in_class[stratum, example.label] else 1
        )
        weights.append(float(np.clip(fair, *WEIGHT_LIMITS)))
    return weights


def ellipses_in(boxes: Sequence[Box]) -> NDArray[np.uint8]:
    """The ellipses in boxes, 255 on 0 [224, 224]: an opacity seldom reaches into the corners of its box."""
    mask = np.zeros((INPUT_SIZE, INPUT_SIZE), np.uint8)
    for x, y, width, height in boxes:
        centre = (round((x + width / 2) * INPUT_SIZE), round((y + height / 2) * INPUT_SIZE))
        axes = (max(4, round(width * INPUT_SIZE / 2)), max(4, round(height * INPUT_SIZE / 2)))
        cv2.ellipse(mask, centre, axes, 0, 0, 360, 255, -1)
    return mask


def _feathered(mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    return cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), BOX_FEATHER_SIGMA).astype(np.float32)


def _lung_mask(example: Example) -> NDArray[np.uint8]:
    """0 or 255: the dataset's mask, or where it has none the lung network's."""
    if example.lung_mask:
        return _read_grey(example.lung_mask)
    view = lungs.load_reader().look(load_radiograph(example.path).pixels)
    return view.mask.astype(np.uint8) * 255


def _read_grey(path: Path) -> NDArray[np.uint8]:
    image = np.asarray(Image.open(path).convert("L"))
    return image if max(image.shape) <= 2 * INPUT_SIZE else _shrink(image)


def _shrink(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Full-size radiographs are held at 448 pixels, which leaves the random resampling its room."""
    scale = 2 * INPUT_SIZE / max(image.shape)
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8)

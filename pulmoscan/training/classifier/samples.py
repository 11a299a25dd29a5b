"""Examples -> augmented training batches.

A batch holds single views and pairs. A pair shows one radiograph twice, from its small copy and from its larger
original, in the same scene with different grain: the two must score alike (see `train.consistency_loss`).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
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
from pulmoscan.training.data.augmentation import grain_augmentation, resample_randomly, scene_augmentation
from pulmoscan.training.data.datasets import Example
from pulmoscan.training.data.framing import WHOLE, Window, cropped_mask, random_window

FEATURE_GRID = 7
Index = tuple[int, bool]
"""Which example, and whether as a pair."""


@dataclass(frozen=True)
class Sample:
    """One or two views [V, 224, 224] of an example, standardised, with the lung share of each feature cell [7, 7]."""

    views: NDArray[np.float32]
    lungs: NDArray[np.float32]
    label: int
    weight: float


@dataclass(frozen=True)
class Batch:
    """Views of a batch. The last `2 * pairs` rows are the pairs: all first views, then all second views."""

    grey: torch.Tensor  # [N, 224, 224], standardised
    lungs: torch.Tensor  # [N, 7, 7]
    labels: torch.Tensor  # [N]
    weights: torch.Tensor  # [N]
    pairs: int


class TrainingSamples(Dataset[Sample]):
    """Random augmented views; every radiograph is held in memory as uint8 at its stored size (at most 448 here)."""

    def __init__(self, examples: Sequence[Example], lung_guided: bool = True, background_share: float = 0.5) -> None:
        self.examples = examples
        self.weights = class_weights(examples)
        self.background_share = background_share if lung_guided else 0.0
        self.images = [_read_grey(e.path) for e in examples]
        self.originals = [_read_grey(e.original) if e.original else None for e in examples]
        self.masks = [_lung_mask(e) if lung_guided else None for e in examples]
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
        if mask is not None:
            mask = cropped_mask(mask, window)
        scene = self.scene(image=image, twin=twin, mask=mask if mask is not None else np.zeros_like(image))
        views = [scene["image"], scene["twin"]] if paired else [scene["image"]]
        soft = soft_lung_mask(scene["mask"]) if mask is not None else np.zeros(image.shape, np.float32)
        if mask is not None and rng.random() < self.background_share:
            other = resample_randomly(self.images[rng.randrange(len(self))], rng)
            background = random_background(other, rng)
            views = [replace_background(view, soft, background) for view in views]
        views = [standardise(self.grain(image=view)["image"].astype(np.float32)) for view in views]
        cells = cv2.resize(soft, (FEATURE_GRID, FEATURE_GRID), interpolation=cv2.INTER_AREA).astype(np.float32)
        return Sample(np.stack(views), cells, self.examples[number].label, self.weights[number])

    def _versions(
        self, number: int, paired: bool, window: Window, rng: random.Random
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The radiograph from its copy or its original, whichever comes; of a pair, one from each."""
        copy, original = self.images[number], self.originals[number]
        if original is None or not (paired or rng.random() < 0.5):
            image = resample_randomly(copy, rng, window)
            return image, resample_randomly(copy, rng, window) if paired else image
        twin = resample_randomly(original, rng, window)
        return (resample_randomly(copy, rng, window), twin) if paired else (twin, twin)


class BatchPlan(Sampler[list[Index]]):
    """One epoch: every example `repeats` times in random order, and some pairs of those with an original per batch."""

    def __init__(self, examples: Sequence[Example], views: int, pairs: int, adult_repeats: int, seed: int) -> None:
        self.indices = [
            i for i, e in enumerate(examples) for _ in range(adult_repeats if e.population == "adult" else 1)
        ]
        self.with_original = [i for i, e in enumerate(examples) if e.original]
        self.pairs = min(pairs, len(self.with_original))
        self.singles = views - 2 * self.pairs
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.indices) // self.singles

    def __iter__(self) -> Iterator[list[Index]]:
        rng = random.Random(self.seed * 1_000_003 + self.epoch)
        order = rng.sample(self.indices, len(self.indices))
        for start in range(0, len(self) * self.singles, self.singles):
            paired = [(i, True) for i in rng.sample(self.with_original, self.pairs)]
            yield [(i, False) for i in order[start : start + self.singles]] + paired


def collate(samples: Sequence[Sample]) -> Batch:
    """Samples, the pairs last, to a batch in the order that `Batch` documents."""
    paired = [s for s in samples if len(s.views) == 2]
    rows = [s for s in samples if len(s.views) == 1] + paired
    views = [s.views[0] for s in rows] + [s.views[1] for s in paired]
    rows = rows + paired
    return Batch(
        grey=torch.from_numpy(np.stack(views)),
        lungs=torch.from_numpy(np.stack([s.lungs for s in rows])),
        labels=torch.tensor([s.label for s in rows], dtype=torch.float32),
        weights=torch.tensor([s.weight for s in rows], dtype=torch.float32),
        pairs=len(paired),
    )


def class_weights(examples: Sequence[Example]) -> list[float]:
    """A weight for each example that gives both classes equal say within each population; their mean is 1.

    Among adults within each view too: of the NIH set's normals more were taken AP than of its pneumonias, and a model
    would learn the view instead of the disease.
    """
    strata = [(e.population, e.subgroup if e.population == "adult" else "") for e in examples]
    in_class = Counter((stratum, e.label) for stratum, e in zip(strata, examples, strict=True))
    in_stratum = Counter(strata)
    return [in_stratum[s] / (2 * in_class[s, e.label]) for s, e in zip(strata, examples, strict=True)]


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

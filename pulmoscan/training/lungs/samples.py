"""Pictures -> training samples of the lung network: a grey input, where the lungs are, and what kind of picture it is.

Chest radiographs come turned, inverted and cropped too, so that each of it can be named; what shows no chest comes from
the datasets and from `not_chest`.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import albumentations as A
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import Dataset

from pulmoscan.models.preprocessing import INPUT_SIZE, standardise
from pulmoscan.training.data.augmentation import grain_augmentation
from pulmoscan.training.data.not_chest import GENERATORS
from pulmoscan.training.data.pictures import SIDE_VIEW, Collection, Picture

DRAWN = "drawn"
SHARES: Mapping[str, float] = {
    "kermany": 0.27,
    "adult masks": 0.15,
    "nih": 0.08,
    "rsna": 0.10,
    "side views": 0.12,
    "limbs": 0.06,
    "not chest": 0.08,
    DRAWN: 0.14,
}
"""How often each source is drawn from."""

CHESTS: tuple[Collection, ...] = ("kermany", "adult masks", "nih", "rsna")
"""The sources that show a chest from the front or the back."""

INSIDE_NONE: Collection = "side views"
"""No drawn picture shows any of these inside, so that cross-validation holds out who it says."""

CROPPED_SHARE, TURNED_SHARE, INVERTED_SHARE = 0.15, 0.25, 0.15
SIDE_VIEW_KEPT = 0.7
"""Least share of a side view's height and width that a crop keeps: many are cut to the body, few show all of it."""

WHOLE_ABOVE, PART_BELOW = 0.90, 0.65
"""Shares of the lungs' area that a crop kept, above and below which it counts as whole or as a part."""


Drawn = tuple[NDArray[np.uint8], NDArray[np.uint8] | None, int]
"""A picture, its lung mask where it has one, and whose side view it is."""


class Sample(NamedTuple):
    """One picture; NaN stands for what is not known of it.

    Attributes:
        grey: float32 [1, 224, 224], standardised.
        lungs: float32 [224, 224], 1 inside, NaN throughout where no mask is known.
        chest, whole, inverted, side: 1 or 0.
        turns: quarter turns counter-clockwise, -1 where it means nothing.
        owner: number of the patient whose side view it is (see `LungSamples.owners`), -1 for every other picture.
    """

    grey: torch.Tensor
    lungs: torch.Tensor
    chest: float
    whole: float
    inverted: float
    side: float
    turns: int
    owner: int


class LungSamples(Dataset[Sample]):
    """`length` random samples, drawn by `SHARES`; pictures are held in memory at 320 pixels at most.

    Attributes:
        owners: the patients whose side views there are.
    """

    def __init__(self, pictures: Sequence[Picture], length: int) -> None:
        self.length = length
        self.owners = sorted({p.patient for p in pictures if p.kind == SIDE_VIEW})
        self.by_source: dict[Collection, list[Drawn]] = {}
        for picture in pictures:
            mask = _read(picture.lung_mask) if picture.lung_mask else None
            owner = self.owners.index(picture.patient) if picture.kind == SIDE_VIEW else -1
            self.by_source.setdefault(picture.source, []).append((_read(picture.path), mask, owner))
        self.sources = [s for s in SHARES if s == DRAWN or s in self.by_source]
        self.scene = A.Compose(
            [
                A.HorizontalFlip(p=0.5),
                A.Affine(
                    rotate=(-15, 15),
                    scale={"x": (0.6, 1.2), "y": (0.6, 1.2)},
                    translate_percent=(-0.08, 0.08),
                    shear=(-5, 5),
                    border_mode=cv2.BORDER_CONSTANT,
                    p=0.9,
                ),
                A.RandomGamma(gamma_limit=(60, 160), p=0.5),
                A.RandomBrightnessContrast(brightness_limit=0.2, contrast_limit=0.3, p=0.5),
                A.Downscale(scale_range=(0.25, 0.6), p=0.15),
            ]
        )
        self.grain = grain_augmentation()

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, _index: int) -> Sample:
        rng = random.Random(torch.randint(2**62, ()).item())
        self.scene.set_random_seed(rng.randrange(2**31))
        self.grain.set_random_seed(rng.randrange(2**31))
        source = rng.choices(self.sources, [SHARES[s] for s in self.sources])[0]
        image, mask, owner = self._draw(source, rng)
        is_chest = source in CHESTS
        if source == "side views":
            image = _part(image, rng)
        whole = 1.0
        if mask is not None and rng.random() < CROPPED_SHARE:
            image, mask, whole = cropped(image, mask, rng)
        known = mask if mask is not None else np.zeros_like(image)
        scene = self.scene(image=_squashed(image), mask=_squashed(known))
        image, known = scene["image"], (scene["mask"] > 127).astype(np.float32)
        turns = rng.randint(1, 3) if rng.random() < TURNED_SHARE else 0
        inverted = rng.random() < INVERTED_SHARE
        image, known = np.rot90(image, turns), np.rot90(known, turns)
        image = self.grain(image=np.ascontiguousarray(255 - image if inverted else image))["image"]
        if is_chest and mask is None:
            known = np.full_like(known, np.nan)
        return Sample(
            torch.from_numpy(standardise(image.astype(np.float32)))[None],
            torch.from_numpy(np.ascontiguousarray(known)),
            float(is_chest),
            whole if is_chest else np.nan,
            float(inverted) if is_chest else np.nan,
            float(source == "side views"),
            turns if is_chest else -1,
            owner,
        )

    def _draw(self, source: str, rng: random.Random) -> Drawn:
        if source != DRAWN:
            return rng.choice(self.by_source[source])  # type: ignore[index]
        sources = [s for s in self.by_source if s != INSIDE_NONE]
        inside = [rng.choice(self.by_source[rng.choice(sources)])[0] for _ in range(6)]
        kinds = [*GENERATORS, "collage", "noise"]  # these two are the hardest to tell
        return GENERATORS[rng.choice(kinds)](rng, inside), None, -1


def cropped(
    image: NDArray[np.uint8], mask: NDArray[np.uint8], rng: random.Random
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], float]:
    """Cut away one side, often down to one lung; also 1 where the lungs are whole, 0 where not, NaN in between."""
    height, width = image.shape
    kept = rng.uniform(0.35, 0.85)
    rows, columns = slice(None), slice(None)
    side = rng.choice(["left", "right", "left", "right", "top", "bottom"])
    if side in ("left", "right"):
        n = round(kept * width)
        columns = slice(0, n) if side == "left" else slice(width - n, width)
    else:
        n = round(kept * height)
        rows = slice(0, n) if side == "top" else slice(height - n, height)
    share = float((mask[rows, columns] > 127).sum()) / max(1, (mask > 127).sum())
    whole = 1.0 if share > WHOLE_ABOVE else 0.0 if share < PART_BELOW else np.nan
    return image[rows, columns], mask[rows, columns], whole


def _part(image: NDArray[np.uint8], rng: random.Random) -> NDArray[np.uint8]:
    """A random window of a side view."""
    height, width = (round(side * rng.uniform(SIDE_VIEW_KEPT, 1)) for side in image.shape)
    top, left = rng.randint(0, image.shape[0] - height), rng.randint(0, image.shape[1] - width)
    return image[top : top + height, left : left + width]


def _squashed(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    picture = Image.fromarray(np.ascontiguousarray(image))
    return np.asarray(picture.resize((INPUT_SIZE, INPUT_SIZE), Image.Resampling.BILINEAR))


def _read(path: Path) -> NDArray[np.uint8]:
    image = Image.open(path).convert("L")
    image.thumbnail((320, 320), Image.Resampling.BILINEAR)
    return np.asarray(image)

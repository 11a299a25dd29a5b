"""Dataset folders -> `Picture`s for the lung network: chest radiographs, masked or not, and pictures of other things.

Four layouts are known: the two of `datasets` (Kermany, NIH), a folder with `images*/` and `masks*/` (the adult lung
masks of V7 Labs on the covid-chestxray-dataset), and a folder without either, whose pictures show no chest at all.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pulmoscan.errors import DatasetError
from pulmoscan.population import Population
from pulmoscan.training.data.datasets import Split, load_dataset, read_index

TEST_SHARE, VALIDATION_SHARE = 0.25, 0.10
"""Of the patients, or of the pictures that show no chest, where a dataset has no split of its own."""

Collection = Literal["kermany", "nih", "adult masks", "not chest"]


@dataclass(frozen=True)
class Picture:
    """One picture of a dataset."""

    path: Path
    source: Collection
    kind: str  # `chest`, or what else it shows
    population: Population | None
    split: Split
    lung_mask: Path | None = None

    @property
    def is_chest(self) -> bool:
        return self.kind == "chest"


def load_pictures(folders: Iterable[Path]) -> list[Picture]:
    """The pictures of several dataset folders together.

    Raises:
        DatasetError: a folder is missing or holds no picture.
    """
    pictures = [picture for folder in folders for picture in _load(folder)]
    if not pictures:
        raise DatasetError("The folders hold no picture. docs/lungs-and-gate.md shows the layouts that are expected.")
    return pictures


def select(pictures: Sequence[Picture], split: Split, source: Collection | None = None) -> list[Picture]:
    """The pictures of one split and, if given, one source."""
    return [p for p in pictures if p.split == split and source in (None, p.source)]


def _load(folder: Path) -> list[Picture]:
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not a folder. Give the folder that holds the dataset.")
    if (folder / "index.csv").is_file() and any(folder.glob("images*/*.*")):
        return _load_nih(folder)
    if any(folder.glob("masks*/*")):
        return _load_masks(folder)
    if any((root / part).is_dir() for root in (folder, folder / "images224") for part in ("train", "test")):
        return [
            Picture(e.path, "kermany", "chest", "child", e.split, e.lung_mask)
            for e in load_dataset(folder)
            if e.population == "child"
        ]
    return [
        Picture(path, "not chest", _kind(path, folder), None, _split(path.name))
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in {".jpg", ".jpeg", ".png"}
    ]


def _load_nih(folder: Path) -> list[Picture]:
    """Every radiograph, whatever was found in it; the patients of `datasets`' test split are for testing here too."""
    images = next(iter(sorted(folder.glob("images*"))))
    rows = read_index(folder / "index.csv")
    test_patients = {row["patient"] for row in rows if row["rsna_class"]}
    return [
        Picture(
            images / row["file"],
            "nih",
            "chest",
            "adult" if int(row["age"]) >= 18 else "child",
            "test" if row["patient"] in test_patients else _split(row["patient"], test_share=0.0),
        )
        for row in rows
    ]


def _load_masks(folder: Path) -> list[Picture]:
    images, masks = (next(iter(sorted(folder.glob(f"{name}*")))) for name in ("images", "masks"))
    return [
        Picture(path, "adult masks", "chest", "adult", _split(publication(path.name)), masks / f"{path.stem}.png")
        for path in sorted(images.iterdir())
        if (masks / f"{path.stem}.png").is_file()
    ]


def publication(name: str) -> str:
    """What a file of the covid-chestxray-dataset was taken from, so that one patient's pictures stay together.

    It names pictures after the article, case or patient and a figure: `16660_2_1.jpg` -> 16660,
    `1-s2.0-S0085253820303616-gr1_lrg-a.jpg` -> 1-s2.0-S0085253820303616.
    """
    stem = Path(name).stem
    return re.split(r"(?i)[-_.](?:gr\d|fx\d|fig|f\d|main|pdf|g0\d|day|pa\b|ap\b|\d+_\d+$|[a-f]\d?$)", stem)[0]


def _kind(path: Path, folder: Path) -> str:
    """Modality by the file name's first part where there is one (`Hand_000012`), the subfolder otherwise."""
    named = re.match(r"([A-Za-z]+)_\d+$", path.stem)
    inside = path.relative_to(folder).parts
    return (named.group(1) if named else inside[0] if len(inside) > 1 else folder.name).lower()


def _split(group: str, test_share: float = TEST_SHARE) -> Split:
    """A fixed function of the patient, publication or picture alone."""
    digest = hashlib.sha256(f"pulmoscan lungs:{group}".encode()).digest()
    place = int.from_bytes(digest[:4], "big") / 2**32
    if place < test_share:
        return "test"
    return "validation" if place < test_share + VALIDATION_SHARE else "train"

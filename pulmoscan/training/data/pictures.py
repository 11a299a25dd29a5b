"""Dataset folders -> `Picture`s for the lung network: chest radiographs, masked or not, and pictures of other things.

Five layouts are known: Kermany's and NIH's (see `datasets`), NIH's with a column `split` (the adults whom radiologists
labelled for the RSNA), a folder with `images*/` and `masks*/` (the adult lung masks of V7 Labs on the
covid-chestxray-dataset), and a folder without any of it, whose pictures show no frontal chest; its folders `lateral`
and `limbs` hold side views of the chest and radiographs of limbs, and `radiographs.csv` says whose the side views are.

One patient is in one split over all folders together: in testing before validation before training.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from pulmoscan.errors import DatasetError
from pulmoscan.population import ADULT_AGE, Population
from pulmoscan.training.data.datasets import Split, load_dataset, read_index

TEST_SHARE, VALIDATION_SHARE = 0.25, 0.10
"""Of the patients, or of the pictures that show no chest, where a dataset has no split of its own."""

Collection = Literal["kermany", "nih", "rsna", "adult masks", "side views", "limbs", "not chest"]

SIDE_VIEW = "side view"
"""The kind of the pictures in `lateral`."""

RADIOGRAPHS: Mapping[str, tuple[Collection, str]] = {"lateral": ("side views", SIDE_VIEW), "limbs": ("limbs", "limb")}
"""Folders of radiographs that show no frontal chest: their source and kind."""

SPLITS: tuple[Split, ...] = ("test", "validation", "train")
"""Which of its splits a patient goes into who is in several."""


@dataclass(frozen=True)
class Picture:
    """One picture of a dataset. `patient` is empty where nobody else's picture can be the same patient's."""

    path: Path
    source: Collection
    kind: str  # `chest`, or what else it shows
    population: Population | None
    split: Split
    lung_mask: Path | None = None
    patient: str = ""

    @property
    def is_chest(self) -> bool:
        """Whether it shows a chest from the front or the back."""
        return self.kind == "chest"


def load_pictures(folders: Iterable[Path]) -> list[Picture]:
    """The pictures of several dataset folders together.

    Raises:
        DatasetError: a folder is missing or holds no picture.
    """
    pictures = _one_split_each([picture for folder in folders for picture in _load(folder)])
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
            Picture(e.path, "kermany", "chest", "child", e.split, e.lung_mask, f"kermany/{e.patient}")
            for e in load_dataset(folder)
            if e.population == "child"
        ]
    patients = {row["file"]: row["patient"] for row in read_index(folder / "radiographs.csv")}
    return [
        _other(path, folder, patients)
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in {".jpg", ".jpeg", ".png"}
    ]


def _other(path: Path, folder: Path, patients: Mapping[str, str]) -> Picture:
    """Side views all train: so few are measured by cross-validation over their patients (see `lungs.kinds`)."""
    inside = path.relative_to(folder)
    if inside.parts[0] not in RADIOGRAPHS:
        return Picture(path, "not chest", _kind(path, folder), None, _split(path.name))
    source, kind = RADIOGRAPHS[inside.parts[0]]
    patient = patients.get(inside.as_posix()) or path.stem
    return Picture(path, source, kind, None, "train" if kind == SIDE_VIEW else _split(path.name), None, patient)


def _load_nih(folder: Path) -> list[Picture]:
    """Every radiograph, whatever was found in it.

    Without a column `split`, patients whom radiologists labelled are for validation, the others for training.
    """
    images = next(iter(sorted(folder.glob("images*"))))
    rows = read_index(folder / "index.csv")
    labelled = {row["patient"] for row in rows if row["rsna_class"]}
    return [
        Picture(
            images / row["file"],
            "rsna" if "split" in row else "nih",
            "chest",
            "adult" if int(row["age"]) >= ADULT_AGE else "child",
            _named(row["split"]) if "split" in row else "validation" if row["patient"] in labelled else "train",
            patient=f"nih/{row['patient']}",
        )
        for row in rows
    ]


def _named(split: str) -> Split:
    for known in get_args(Split):
        if split == known:
            return known
    raise DatasetError(f"index.csv has a split {split!r}. It can hold train, validation and test.")


def _one_split_each(pictures: Sequence[Picture]) -> list[Picture]:
    """The same pictures; who is in several splits goes into the first of `SPLITS` with all of theirs."""
    of_patient: dict[str, Split] = {}
    for picture in pictures:
        before = of_patient.get(picture.patient, "train")
        of_patient[picture.patient] = min(before, picture.split, key=SPLITS.index)
    return [replace(p, split=of_patient[p.patient]) if p.patient else p for p in pictures]


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


def _split(group: str) -> Split:
    """A fixed function of the patient, publication or picture alone."""
    digest = hashlib.sha256(f"pulmoscan lungs:{group}".encode()).digest()
    place = int.from_bytes(digest[:4], "big") / 2**32
    if place < TEST_SHARE:
        return "test"
    return "validation" if place < TEST_SHARE + VALIDATION_SHARE else "train"

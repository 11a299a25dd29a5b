"""Dataset folders -> lists of `Example`, split by patient.

Three layouts are known:

* Kermany et al. 2018 (children): `{train,test}/{NORMAL,PNEUMONIA}/*.jpeg`, the published folder `chest_xray` or an
  already resized copy. Beside it there may be `index.csv`, `lung_masks224/` and `originals448/`.
* NIH ChestX-ray14 (adults): `images*/` and an `index.csv` with findings, age, sex, view and, for some, the class that
  the RSNA's radiologists gave (Wang et al. 2017; Shih et al. 2019): these validate, the others train.
* The same with a column `split`, which is binding: adults whom the RSNA's radiologists classed.

A patient is in one split over all sets together: test goes before validation, validation before training.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pulmoscan.errors import DatasetError

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
"""In ascending order of precedence where a patient's radiographs are claimed by several."""

Population = Literal["child", "adult"]
Group = Literal["child", "mined", "opacity", "not normal", "normal"]
"""Whose label it is: of children; of adults mined from reports, or one of the three classes of the radiologists."""

VALIDATION_SHARE = 0.15
"""Share of the children's training patients that is kept out for thresholds, calibration and every other choice."""

NIH_POSITIVE = frozenset({"Pneumonia", "Consolidation"})
NIH_NEGATIVE = frozenset(
    {"No Finding", "Cardiomegaly", "Emphysema", "Fibrosis", "Hernia", "Nodule", "Pleural_Thickening", "Pneumothorax"}
)
"""Negative is who has nothing beside these: the sick without pneumonia belong to the negatives, lest the model learn to
tell the sick from the well. Left out: findings that look like pneumonia or are said of it (Infiltration and others)."""

RSNA_CLASSES: Mapping[str, tuple[Group, int]] = {
    "Lung Opacity": ("opacity", 1),
    "No Lung Opacity / Not Normal": ("not normal", 0),
    "Normal": ("normal", 0),
}
"""The radiologists' classes and their labels: the ill without pneumonia are negatives too."""

Box = tuple[float, float, float, float]
"""x, y, width, height as fractions of the image."""


@dataclass(frozen=True)
class Example:
    """One radiograph of a dataset with its reference standard."""

    path: Path
    label: int  # 1 pneumonia, 0 normal
    patient: str
    population: Population
    split: Split
    group: Group = "child"
    subgroup: str = ""  # pathogen (children) or view (adults)
    age: int | None = None  # years
    original: Path | None = None  # the same radiograph at a larger size
    lung_mask: Path | None = None
    boxes: tuple[Box, ...] = ()


def is_validation_patient(patient: str) -> bool:
    """Whether a child of the training folders belongs to the validation split: a fixed function of the patient."""
    digest = hashlib.sha256(f"pulmoscan:{patient}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32 < VALIDATION_SHARE


def load_dataset(folder: Path) -> list[Example]:
    """All examples of a dataset folder in one of the layouts.

    Raises:
        DatasetError: the folder is missing, has no known layout or holds no image.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not a folder. Give the folder that holds the dataset; see docs/weights.md.")
    for root in (folder, folder / "images224"):
        if (root / "train" / "NORMAL").is_dir() or (root / "test" / "NORMAL").is_dir():
            examples = _load_kermany(root)
            break
    else:
        if not (folder / "index.csv").is_file():
            raise DatasetError(
                f"{folder} holds neither train/NORMAL and its siblings (Kermany) nor an index.csv (NIH). "
                "docs/weights.md shows the layouts."
            )
        try:
            examples = _load_nih(folder)
        except (KeyError, ValueError, TypeError) as error:
            raise DatasetError(
                f"{folder / 'index.csv'} lacks a column or holds a value that is none of its kind ({error}). "
                "docs/weights.md names the columns."
            ) from error
    if not examples:
        raise DatasetError(f"{folder} holds no labelled radiograph; docs/weights.md shows the layout that is expected.")
    return examples


def load_datasets(folders: Iterable[Path]) -> list[Example]:
    """The examples of several dataset folders together, without those whose patient another split has a claim on."""
    return one_split_per_patient([example for folder in folders for example in load_dataset(folder)])


def one_split_per_patient(examples: Sequence[Example]) -> list[Example]:
    """Only the examples in the split that has precedence among those of their patient."""
    claim: dict[str, int] = {}
    for example in examples:
        claim[example.patient] = max(claim.get(example.patient, 0), SPLITS.index(example.split))
    return [e for e in examples if SPLITS.index(e.split) == claim[e.patient]]


def select(examples: Sequence[Example], split: Split, population: Population | None = None) -> list[Example]:
    """The examples of one split and, if given, one population."""
    return [e for e in examples if e.split == split and population in (None, e.population)]


def data_hash(examples: Sequence[Example]) -> str:
    """SHA-256 over names, labels, splits and file contents: the same data in another folder hashes alike."""
    digest = hashlib.sha256()
    for example in sorted(examples, key=lambda e: (e.population, e.split, e.label, e.path.name)):
        digest.update(f"{example.population}/{example.split}/{example.label}/{example.path.name}".encode())
        for path in (example.path, example.original, example.lung_mask):
            if path is not None:
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _load_kermany(root: Path) -> list[Example]:
    patients = {row["file"]: row["patient"] for row in read_index(root.parent / "index.csv")}
    examples = []
    for folder in ("train", "test"):
        for label, name in enumerate(("NORMAL", "PNEUMONIA")):
            for path in sorted((root / folder / name).glob("*.jp*g")):
                patient = patients.get(path.name) or _patient_from_name(path.name)
                pathogen = re.search(r"_(bacteria|virus)_", path.name)
                examples.append(
                    Example(
                        path=path,
                        label=label,
                        # The numbering starts anew in the test split.
                        patient=f"{folder}/{patient}",
                        population="child",
                        split=_split_of_child(folder, f"{folder}/{patient}"),
                        subgroup=pathogen.group(1) if pathogen else "",
                        original=_existing(root.parent / "originals448" / folder / name, path.name),
                        lung_mask=_existing(root.parent / "lung_masks224" / folder / name, f"{path.stem}.png"),
                    )
                )
    return examples


def _load_nih(folder: Path) -> list[Example]:
    """Adults by the split that the index names; without one, the radiologists' classes validate and the rest trains.

    The few patients under 18 count among them: they are too old to be measured beside Kermany's. `age` tells them.
    """
    images = next(iter(sorted(folder.glob("images*"))), folder)
    examples = []
    for row in read_index(folder / "index.csv"):
        known = _nih_label(row)
        if known is None:
            continue
        group, label = known
        boxes = row.get("boxes_xywh_fraction") or row.get("rsna_opacity_boxes_xywh_fraction") or "[]"
        examples.append(
            Example(
                path=images / row["file"],
                label=label,
                patient=f"nih/{row['patient']}",
                population="adult",
                split=_split_of_adult(row),
                group=group,
                subgroup=row["view"],
                age=int(row["age"]),
                boxes=tuple(tuple(box) for box in json.loads(boxes)),
            )
        )
    return examples


def _nih_label(row: Mapping[str, str]) -> tuple[Group, int] | None:
    """Group and label; None where neither radiologists nor the text analysis of the report tell clearly."""
    if row["rsna_class"]:
        return RSNA_CLASSES.get(row["rsna_class"])
    findings = set(row["nih_findings"].split("|"))
    if findings & NIH_POSITIVE:
        return "mined", 1
    return ("mined", 0) if findings <= NIH_NEGATIVE else None


def _split_of_adult(row: Mapping[str, str]) -> Split:
    if "split" not in row:
        return "validation" if row["rsna_class"] else "train"
    for split in SPLITS:
        if row["split"] == split:
            return split
    raise ValueError(f"{row['split']!r} is no split")


def _split_of_child(folder: str, patient: str) -> Split:
    if folder == "test":
        return "test"
    return "validation" if is_validation_patient(patient) else "train"


def _patient_from_name(name: str) -> str:
    """`person12_bacteria_3.jpeg` -> person12; `NORMAL2-IM-0441-0001.jpeg` -> NORMAL2-IM-0441."""
    match = re.match(r"(person\d+|(?:NORMAL\d-)?IM-\d+)", name)
    return match.group(1) if match else Path(name).stem


def _existing(folder: Path, name: str) -> Path | None:
    path = folder / name
    return path if path.is_file() else None


def read_index(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))

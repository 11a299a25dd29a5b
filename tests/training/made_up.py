"""Made-up datasets in the layouts of the real ones."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from pulmoscan.training.datasets import Population, is_validation_patient
from tests.pictures import chest

NIH_COLUMNS = (
    "file",
    "patient",
    "nih_findings",
    "age",
    "sex",
    "view",
    "rsna_class",
    "rsna_opacity_boxes_xywh_fraction",
)


def draw(path: Path, seed: int, label: int, height: int = 224, width: int = 224) -> None:
    """A radiograph as JPEG; pneumonia is a large bright opacity."""
    picture = chest(height, width, seed)
    if label:
        y, x = np.mgrid[:height, :width]
        picture = picture + 0.6 * np.exp(-(((x / width - 0.3) / 0.15) ** 2) - ((y / height - 0.6) / 0.15) ** 2)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((np.clip(picture, 0, 1) * 255).astype(np.uint8)).save(path, quality=90)


def draw_mask(path: Path) -> None:
    mask = np.zeros((224, 224), np.uint8)
    for x in (67, 157):
        cv2.ellipse(mask, (x, 100), (34, 65), 0, 0, 360, 255, -1)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask).save(path)


def make_side_views(folder: Path, patients: int = 3, of_each: int = 2) -> Path:
    """Side views, one dark lung in a narrow bright body, in the layout of the pictures that show no frontal chest."""
    rows = [("file", "patient")]
    for number in range(patients * of_each):
        y, x = np.mgrid[-1:1:260j, -1:1:200j]
        body = (x**2 / 0.5 + y**2 / 1.1 < 1) * 0.8
        lung = 0.5 * np.exp(-(((x - 0.02 * number) / 0.3) ** 2) - ((y + 0.1) / 0.5) ** 2)
        name = f"lateral/lateral_{number:03}.jpg"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((np.clip(body - lung, 0, 1) * 255).astype(np.uint8)).save(folder / name, quality=90)
        rows.append((name, f"patient{number // of_each}"))
    with (folder / "radiographs.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder


def patients(prefix: str, population: Population, validation: bool) -> Iterator[int]:
    """Patient numbers that the split by patient puts into training or validation."""
    number = 1
    while True:
        if is_validation_patient(f"{prefix}{number}", population) == validation:
            yield number
        number += 1


def make_kermany(folder: Path, train: int = 4, validation: int = 2, test: int = 1) -> Path:
    """Children: so many radiographs of each class, with masks, originals of the training ones and no index."""
    seed = 0
    for split, count in (("train", train), ("validation", validation), ("test", test)):
        top = "test" if split == "test" else "train"
        for label, name in enumerate(("NORMAL", "PNEUMONIA")):
            prefix = f"{top}/person" if label else f"{top}/IM-"
            numbers = patients(prefix, "child", split == "validation")
            for number, index in zip(numbers, range(count), strict=False):
                kind = ("bacteria", "virus")[index % 2]
                file = f"person{number}_{kind}_{index}.jpeg" if label else f"IM-{number}-0001.jpeg"
                draw(folder / "images224" / top / name / file, seed, label)
                draw_mask(folder / "lung_masks224" / top / name / file.replace(".jpeg", ".png"))
                if split == "train":
                    draw(folder / "originals448" / top / name / file, seed, label, 360, 448)
                seed += 1
    return folder


def make_nih(folder: Path, train: int = 2, validation: int = 2, test: int = 1) -> Path:
    """Adults: so many radiographs of each class; those for testing have an RSNA class and, if positive, a box."""
    rows: list[tuple[str, ...]] = []
    for label, finding in enumerate(("No Finding", "Pneumonia|Effusion")):
        for split, count in (("train", train), ("validation", validation), ("test", test)):
            numbers = patients(f"{label}", "adult", split == "validation")
            for number, index in zip(numbers, range(count), strict=False):
                patient = f"{label}{number}" if split != "test" else f"t{label}{index}"
                rsna = ("Normal", "Lung Opacity")[label] if split == "test" else ""
                box = "[[0.2, 0.5, 0.2, 0.2]]" if split == "test" and label else ""
                rows.append((f"{patient}.jpg", patient, finding, "54", "F", "PA", rsna, box))
                draw(folder / "images448" / f"{patient}.jpg", 100 + len(rows), label, 448, 400)
    write_index(folder, rows)
    return folder


def make_rsna(folder: Path, patients: dict[str, str]) -> Path:
    """One radiograph of each of these adults, in the split that it says."""
    rows = [(f"{p}.jpg", p, "No Finding", "54", "F", "PA", "Normal", "", split) for p, split in patients.items()]
    for seed, row in enumerate(rows):
        draw(folder / "images" / row[0], seed, 0)
    write_index(folder, rows, (*NIH_COLUMNS, "split"))
    return folder


def write_index(folder: Path, rows: list[tuple[str, ...]], columns: tuple[str, ...] = NIH_COLUMNS) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "index.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)

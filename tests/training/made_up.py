"""Made-up datasets in the layouts of the real ones."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from pulmoscan.training.data.datasets import is_validation_patient
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


def patients(prefix: str, validation: bool) -> Iterator[int]:
    """Patient numbers that the split by patient puts into training or validation."""
    number = 1
    while True:
        if is_validation_patient(f"{prefix}{number}") == validation:
            yield number
        number += 1


def make_kermany(folder: Path, train: int = 4, validation: int = 2, test: int = 1) -> Path:
    """Children: so many radiographs of each class, with masks, originals of the training ones and no index."""
    seed = 0
    for split, count in (("train", train), ("validation", validation), ("test", test)):
        top = "test" if split == "test" else "train"
        for label, name in enumerate(("NORMAL", "PNEUMONIA")):
            prefix = f"{top}/person" if label else f"{top}/IM-"
            numbers = patients(prefix, split == "validation")
            for number, index in zip(numbers, range(count), strict=False):
                kind = ("bacteria", "virus")[index % 2]
                file = f"person{number}_{kind}_{index}.jpeg" if label else f"IM-{number}-0001.jpeg"
                draw(folder / "images224" / top / name / file, seed, label)
                draw_mask(folder / "lung_masks224" / top / name / file.replace(".jpeg", ".png"))
                if split == "train":
                    draw(folder / "originals448" / top / name / file, seed, label, 360, 448)
                seed += 1
    return folder


def make_nih(folder: Path, train: int = 2, validation: int = 2) -> Path:
    """Adults: so many radiographs of each class; those for validation have an RSNA class and, if positive, a box."""
    rows: list[tuple[str, ...]] = []
    for label, finding in enumerate(("No Finding", "Pneumonia|Effusion")):
        for split, count in (("train", train), ("validation", validation)):
            for index in range(count):
                patient = f"{split[0]}{label}{index}"
                rsna = ("Normal", "Lung Opacity")[label] if split == "validation" else ""
                box = "[[0.2, 0.5, 0.2, 0.2]]" if rsna and label else ""
                rows.append((f"{patient}.jpg", patient, finding, "54", "F", "PA", rsna, box))
                draw(folder / "images448" / f"{patient}.jpg", 100 + len(rows), label, 448, 400)
    write_index(folder, rows)
    return folder


def make_rsna(folder: Path, patients_and_splits: Sequence[tuple[str, str]]) -> Path:
    """Adults whom radiologists classed: one radiograph of each patient, an opacity of every other."""
    rows = []
    for number, (patient, split) in enumerate(patients_and_splits):
        label = number % 2
        name, box = (("Normal", ""), ("Lung Opacity", "[[0.2, 0.5, 0.2, 0.2]]"))[label]
        rows.append((f"{patient}.jpg", patient, split, name, "", "40", "M", ("PA", "AP")[label], box))
        draw(folder / "images" / f"{patient}.jpg", 200 + number, label, 256, 256)
    columns = ("file", "patient", "split", "rsna_class", "nih_findings", "age", "sex", "view", "boxes_xywh_fraction")
    write_index(folder, rows, columns)
    return folder


def write_index(folder: Path, rows: Sequence[tuple[str, ...]], columns: Sequence[str] = NIH_COLUMNS) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "index.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


def make_lung_data(folder: Path, side_view_patients: int) -> list[Path]:
    """What the lung network learns from: children, adults with lung masks, and pictures that show no frontal chest."""
    for number in range(12):
        draw(folder / "masks" / "images320" / f"{number}_1_1.jpg", number, 1)
        draw_mask(folder / "masks" / "masks320" / f"{number}_1_1.png")
        draw(folder / "other" / "photos" / f"n{number}_cat.jpg", number, 0)
    make_side_views(folder / "other", side_view_patients, of_each=2)
    return [make_kermany(folder / "kermany", 3, 2, 1), folder / "masks", folder / "other"]

"""The user's own radiographs in the gallery: add, list, remove. They lie outside the repository."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pulmoscan.errors import OwnGalleryInRepository, OwnGalleryNotWritable, RadiographError, UnknownSample
from pulmoscan.gallery.samples import MANIFEST_NAME, GalleryLabel, Manifest, own_gallery
from pulmoscan.reading.radiograph import Radiograph, load_radiograph
from pulmoscan.reading.records import write_content
from pulmoscan.settings import REPOSITORY, own_folder


@dataclass(frozen=True)
class Added:
    """What became of one file."""

    path: Path
    file: str = ""  # its name in the folder
    reason: str = ""  # why it was not added


def add(paths: Sequence[Path], label: GalleryLabel, caption: str = "") -> list[Added]:
    """Put radiographs into the user's own gallery. One bad file never stops the others.

    Only the pixels are kept, as a PNG file named by its contents: a file's name, its EXIF data and a DICOM header may
    tell who the patient is.

    Raises:
        OwnGalleryInRepository, OwnGalleryNotWritable: the folder is no place for them.
        OwnGalleryDamaged: its manifest is not one.
    """
    folder = _writable_folder()
    entries = _read(folder)
    done = []
    for path in paths:
        try:
            radiograph = load_radiograph(path)
        except RadiographError as error:
            done.append(Added(path, reason=str(error)))
            continue
        file = f"{radiograph.key[:16]}.png"
        number = 1 + sum(entry["file"] != file for entry in entries)
        try:
            _picture(radiograph).save(folder / file)
        except OSError as error:
            raise OwnGalleryNotWritable(folder, error.strerror or "") from error
        entry = {
            "file": file,
            "title": f"Own {number}",
            "label": label,
            "caption": caption or "Your own radiograph.",
            "origin": "Your own",
        }
        entries = [*(e for e in entries if e["file"] != file), entry]
        done.append(Added(path, file))
    _write(folder, entries)
    return done


def remove(file: str) -> None:
    """Delete a radiograph that was added, by the name that `list` shows.

    Raises:
        UnknownSample: none of that name was added.
    """
    folder = own_folder()
    entries = _read(folder)
    if file not in {entry["file"] for entry in entries}:
        raise UnknownSample(file, folder)
    (folder / file).unlink(missing_ok=True)
    _write(folder, [entry for entry in entries if entry["file"] != file])


def _picture(radiograph: Radiograph) -> Image.Image:
    """The pixels in as many significant bits as the file had, so that the copy reads as the file did."""
    bits = min(radiograph.source.bits, 16)
    values = np.round(radiograph.pixels * np.float64(2**bits - 1))
    return Image.fromarray(values.astype(np.uint8 if bits <= 8 else np.uint16))


def _writable_folder() -> Path:
    folder = own_folder()
    if folder.resolve().is_relative_to(REPOSITORY):
        raise OwnGalleryInRepository(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OwnGalleryNotWritable(folder, error.strerror or "") from error
    return folder


def _read(folder: Path) -> list[dict[str, Any]]:
    """The entries of the folder's manifest, checked, with whatever else was written of them."""
    own_gallery(folder)
    manifest = folder / MANIFEST_NAME
    return list(json.loads(manifest.read_bytes())["samples"]) if manifest.exists() else []


def _write(folder: Path, entries: Sequence[Mapping[str, Any]]) -> None:
    try:
        write_content(folder / MANIFEST_NAME, {"samples": entries}, Manifest, indent=2)
    except OSError as error:
        raise OwnGalleryNotWritable(folder, error.strerror or "") from error

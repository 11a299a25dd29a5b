"""Write the sample gallery: PNG files that say in themselves what they are, and the manifest that lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pulmoscan.errors import GalleryError
from pulmoscan.gallery.samples import MANIFEST_NAME, GalleryLabel, Manifest
from pulmoscan.gallery.thumbnails import FOLDER, beside, make_thumbnail
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.reading.records import write_content

LONGEST_SIDE = 1024
"""Pixels, of the radiograph that is converted from DICOM."""

DICOM_NAME = "RG1_UNCR.dcm"
PLATE_EDGE = 0.025
"""Share of the DICOM radiograph's height and width that is cut at each edge: there the plate's edge lies."""


@dataclass(frozen=True)
class Picture:
    """An image for the gallery: `pixels` uint8 [H, W] and its manifest entry; `details` go into the entry alone."""

    file: str
    pixels: NDArray[np.uint8]
    title: str
    label: GalleryLabel
    caption: str
    origin: str
    details: Mapping[str, Any] = field(default_factory=dict)


def write_gallery(folder: Path, pictures: Sequence[Picture]) -> None:
    """Write the images, their thumbnails and `samples.json` into a folder, which is made if it is not there."""
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    entries = []
    for picture in pictures:
        text = PngInfo()
        text.add_itxt("Title", picture.title)
        text.add_itxt("Description", picture.caption)
        text.add_itxt("Source", picture.origin)
        Image.fromarray(picture.pixels).save(folder / picture.file, pnginfo=text, optimize=True)
        write_thumbnail(folder / picture.file)
        entry = {name: getattr(picture, name) for name in ("file", "title", "label", "caption", "origin")}
        entries.append({**entry, **picture.details})
    write_content(folder / MANIFEST_NAME, {"samples": entries}, Manifest, indent=2)


def write_thumbnail(picture: Path) -> None:
    """Write the thumbnail of a gallery picture where the app looks for it."""
    beside(picture).write_bytes(make_thumbnail(load_radiograph(picture).pixels))


def adult_radiograph() -> Picture:
    """The adult radiograph that the package pydicom-data ships, as its file asks to be displayed.

    Raises:
        GalleryError: the package is not installed.
    """
    try:
        import pydicom
        from pydicom.data import get_testdata_file
        from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
    except ImportError as error:
        raise _samples_missing() from error
    path = get_testdata_file(DICOM_NAME, download=False)
    if path is None:
        raise _samples_missing()
    dataset = pydicom.dcmread(str(path))
    grey = np.asarray(apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset), dtype=np.float32)
    if dataset.PhotometricInterpretation == "MONOCHROME1":  # the lowest value is meant to be white
        grey = grey.max() - grey
    rows, columns = (round(side * PLATE_EDGE) for side in grey.shape)
    grey = grey[rows:-rows, columns:-columns]
    image = Image.fromarray(grey)
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    small = np.asarray(image)
    low, high = float(small.min()), float(small.max())
    return Picture(
        file="adult_pa.png",
        pixels=np.round((small - low) / (high - low) * 255).astype(np.uint8),
        title="Adult, PA",
        label="unknown",
        caption=(
            "A real radiograph of an adult woman with several large round opacities in both lungs; "
            "its source documents no diagnosis."
        ),
        origin=(
            f"{DICOM_NAME} of the DICOM committee's sample set WG04, from the PyPI package pydicom-data 1.0.0 "
            "(MIT licence); published for testing, its header names nobody"
        ),
        details={"population": "adult"},
    )


def _samples_missing() -> GalleryError:
    return GalleryError("The DICOM samples are not installed. Install them with `pip install pydicom pydicom-data`.")

"""What leaves a batch: the overlays as one zip archive at screen size, the reports as one PDF."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import PurePosixPath
from typing import IO

import cv2
import numpy as np
from PIL import Image

from pulmoscan import DISCLAIMER
from pulmoscan.batch.outcomes import Outcome, load
from pulmoscan.export.content import Report
from pulmoscan.export.pdf import write_pages
from pulmoscan.export.words import OPACITY
from pulmoscan.models import gradcam
from pulmoscan.reading.intake import Item

LARGEST_SIDE = 1024
JPEG_QUALITY = 88


def write_overlays(pairs: Sequence[tuple[Item, Outcome]], target: IO[bytes]) -> Iterator[str]:
    """Write a zip of overlays into `target`; gives each name as it is done. Outcomes without a screening are left out.

    The radiographs are read anew, one at a time; no model runs.

    Raises:
        RadiographError: a file that could be read before can no longer be.
    """
    used: set[str] = set()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:  # JPEG does not shrink further
        archive.writestr("README.txt", f"{DISCLAIMER}\nEach picture shows what raised the score; it is no outline.\n")
        for item, outcome in pairs:
            if outcome.screening is None:
                continue
            name = _unused(PurePosixPath(item.short_name).stem or "radiograph", used)
            archive.writestr(f"{name}.jpg", overlay_jpeg(item, outcome))
            yield name


def write_pdf(pairs: Sequence[tuple[Item, Outcome]], target: IO[bytes], anonymous: bool = False) -> Iterator[str]:
    """Write one PDF into `target`, a page for each outcome with a screening; gives each file's name as it is drawn.

    The radiographs are read anew, one at a time; no model runs.

    Args:
        anonymous: leave out all that names the patient, the files' names included.

    Raises:
        RadiographError: a file that could be read before can no longer be.
    """
    reports = (Report(load(item), outcome.screening, anonymous) for item, outcome in pairs if outcome.screening)
    for report in write_pages(reports, target):
        yield report.radiograph.source.name


def overlay_jpeg(item: Item, outcome: Outcome) -> bytes:
    """One overlay as JPEG, its longer side at most `LARGEST_SIDE`.

    Raises:
        RadiographError: the item can no longer be read.
        ValueError: the outcome has no screening.
    """
    if outcome.screening is None:
        raise ValueError("there is no screening to draw")
    pixels = load(item).pixels
    factor = min(1.0, LARGEST_SIDE / max(pixels.shape))
    if factor < 1:
        pixels = np.asarray(cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))
    heat = outcome.screening.reading.heatmap(*pixels.shape)
    stream = BytesIO()
    Image.fromarray(gradcam.overlay(pixels, heat, OPACITY)).save(stream, "JPEG", quality=JPEG_QUALITY)
    return stream.getvalue()


def _unused(stem: str, used: set[str]) -> str:
    name, number = stem, 1
    while name.lower() in used:
        number += 1
        name = f"{stem}-{number}"
    used.add(name.lower())
    return name

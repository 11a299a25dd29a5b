"""Overlays and reports of a run, where they are asked for: one file each, named by the file's number in the list."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, cast

from pulmoscan.errors.traces import log_unforeseen
from pulmoscan.export.caption import marked
from pulmoscan.export.content import Report
from pulmoscan.export.formats import FORMATS, FormatName, png_file, write_report
from pulmoscan.export.words import OPACITY
from pulmoscan.models import gradcam
from pulmoscan.reading.radiograph import Radiograph
from pulmoscan.reading.scaling import at_most
from pulmoscan.screening import Screening

if TYPE_CHECKING:
    from pulmoscan.batch.archive.entries import Entry
    from pulmoscan.batch.archive.manifest import Asked
    from pulmoscan.batch.archive.schema import Row
    from pulmoscan.batch.archive.store import Store

LARGEST_SIDE = 1024
FILES_A_FOLDER = 10_000
logger = logging.getLogger(__name__)


def write_pictures(store: Store, asked: Asked, entry: Entry, radiograph: Radiograph, screening: Screening) -> Row:
    """Write what was asked for; the fields of the row that change where something cannot be made.

    Raises:
        OutNotWritable: nothing can be written any more, whatever the file.
    """
    report = Report(radiograph, screening)
    name = f"{entry.ordinal // FILES_A_FOLDER:06d}/{entry.ordinal:09d}-{screening.reading.model.name}"
    made: dict[str, bytes] = {}
    try:
        if asked.overlays:
            made[f"overlays/{name}.png"] = _overlay(report)
        for kind in asked.reports:
            form = cast(FormatName, kind)
            made[f"reports/{name}{FORMATS[form].ending}"] = write_report(report, form)
    except Exception as error:  # MemoryError and RecursionError are among them
        log_unforeseen(logger, "while making a picture of an archive's file", error)
        return {
            "status": "error",
            "reason": f"It was screened, but its pictures could not be made ({type(error).__name__}).",
        }
    for path, data in made.items():
        store.write(path, data)
    return {}


def _overlay(report: Report) -> bytes:
    """At screen size, with what it is in its text chunks."""
    pixels = at_most(report.radiograph.pixels, LARGEST_SIDE)
    heat = report.screening.reading.heatmap(*pixels.shape)
    return png_file(marked(gradcam.overlay(pixels, heat, OPACITY), report.mark), report)

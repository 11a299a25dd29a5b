"""What leaves a batch: the overlays as one zip archive at screen size, the reports as one PDF."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from io import BytesIO
from typing import IO

from PIL import Image

from pulmoscan import DISCLAIMER, __version__
from pulmoscan.batch.outcomes import Outcome, load
from pulmoscan.errors import RadiographError
from pulmoscan.errors.traces import log_unforeseen
from pulmoscan.export.caption import marked
from pulmoscan.export.content import Report
from pulmoscan.export.files import key_of, stem_of
from pulmoscan.export.pdf import pdf, write_pages
from pulmoscan.export.pdf_summary import Summary, draw_summary
from pulmoscan.export.words import OPACITY
from pulmoscan.models import gradcam
from pulmoscan.reading.intake import Item
from pulmoscan.reading.scaling import at_most

Pair = tuple[Item, Outcome]
LARGEST_SIDE = 1024
JPEG_QUALITY = 88

logger = logging.getLogger(__name__)


def anonymised(pairs: Sequence[Pair]) -> list[Pair]:
    """The same under neutral names, `radiograph-0001` and so on, in their order; nothing quotes a file."""
    firsts: dict[str, str] = {}
    renamed = []
    for number, (item, outcome) in enumerate(pairs, start=1):
        name = f"radiograph-{number:04d}"
        firsts.setdefault(outcome.file, name)
        renamed.append((replace(item, name=name), outcome, name))
    return [
        (item, outcome.renamed(name, firsts.get(outcome.duplicate_of, "one that is not listed here")))
        for item, outcome, name in renamed
    ]


def write_overlays(
    pairs: Sequence[Pair], target: IO[bytes], anonymous: bool = False, failures: list[str] | None = None
) -> Iterator[str]:
    """Write a zip of overlays into `target`; gives each name as it is done. Outcomes without a screening are left out.

    The radiographs are read anew, one at a time; no model runs.

    Args:
        anonymous: neither the files in the archive nor anything in them names a source.
        failures: gets a sentence on each that could not be drawn; the archive's README has them too.
    """
    used: set[str] = set()
    failures = [] if failures is None else failures
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:  # JPEG does not shrink further
        for item, outcome in anonymised(pairs) if anonymous else pairs:
            if outcome.screening is None:
                continue
            try:
                picture = overlay_jpeg(item, outcome)
            except Exception as error:
                failures.append(_failure(outcome.file, error, anonymous))
                continue
            name = _unused(stem_of(item.name), used)
            archive.writestr(f"{name}.jpg", picture)
            yield name
        about = f"{DISCLAIMER}\nEach picture shows what raised the score; it is no outline.\n"
        archive.writestr("README.txt", about + "".join(f"{failure}\n" for failure in failures))


def write_pdf(
    pairs: Sequence[Pair], target: IO[bytes], anonymous: bool = False, failures: list[str] | None = None
) -> Iterator[str]:
    """Write one PDF into `target`: a summary, then a page for each outcome with a screening; gives each file's name as
    it is drawn.

    The radiographs are read anew, one at a time; no model runs.

    Args:
        anonymous: leave out all that names the patient, the files' names included.
        failures: gets a sentence on each that could not be drawn.
    """
    failures = [] if failures is None else failures
    pairs = anonymised(pairs) if anonymous else pairs

    def reports() -> Iterator[Report]:
        for item, outcome in pairs:
            if outcome.screening is None:
                continue
            try:
                report = Report(load(item), outcome.screening, anonymous)
                pdf(report)  # a page that fails half-way would spoil the whole document
            except Exception as error:
                failures.append(_failure(outcome.file, error, anonymous))
            else:
                yield report

    for report in write_pages(reports(), target, cover=partial(draw_summary, summary([o for _, o in pairs]))):
        yield report.radiograph.source.name


def summary(outcomes: Sequence[Outcome]) -> Summary:
    """How many of a batch were called what, and why the others were not screened."""
    return Summary(
        screenings=[o.screening for o in outcomes if o.screening],
        refused=[o.reason for o in outcomes if o.status == "refused"],
        failed=[o.reason for o in outcomes if o.status == "error"],
        duplicates=sum(bool(o.duplicate_of) for o in outcomes if o.screening),
    )


def _failure(file: str, error: Exception, anonymous: bool) -> str:
    if isinstance(error, RadiographError):
        return f"{file}: {error.anonymous if anonymous else error}"
    log_unforeseen(logger, "while drawing an export", error)
    return f"{file} could not be drawn ({type(error).__name__})."


def overlay_jpeg(item: Item, outcome: Outcome) -> bytes:
    """One overlay as JPEG, its longer side at most `LARGEST_SIDE`.

    Raises:
        RadiographError: the item can no longer be read.
        ValueError: the outcome has no screening.
    """
    if outcome.screening is None:
        raise ValueError("there is no screening to draw")
    radiograph = load(item)
    pixels = at_most(radiograph.pixels, LARGEST_SIDE)
    heat = outcome.screening.reading.heatmap(*pixels.shape)
    mark = Report(radiograph, outcome.screening).mark
    picture = marked(gradcam.overlay(pixels, heat, OPACITY), mark)
    stream = BytesIO()
    about = f"PulmoScan {__version__}. {DISCLAIMER} {mark}".encode()
    Image.fromarray(picture).save(stream, "JPEG", quality=JPEG_QUALITY, comment=about)
    return stream.getvalue()


def _unused(stem: str, used: set[str]) -> str:
    name, number = stem, 1
    while key_of(name) in used:
        number += 1
        name = f"{stem}-{number}"
    used.add(key_of(name))
    return name

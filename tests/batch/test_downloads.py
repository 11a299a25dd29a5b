"""What leaves a batch: every picture that can be drawn, and without names where that is asked for."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from io import BytesIO

import pypdfium2
import pytest
from PIL import Image

from pulmoscan import DISCLAIMER
from pulmoscan.batch.downloads import anonymised, write_overlays, write_pdf
from pulmoscan.batch.outcomes import Outcome, screen_items
from pulmoscan.batch.output import csv_text
from pulmoscan.errors import FileNotReadable
from pulmoscan.export.pdf import write_pages
from pulmoscan.export.pdf_summary import Summary, draw_summary
from pulmoscan.export.words import CLEARED_NOTE, LOOKS, threshold_text
from pulmoscan.models.registry import get_spec
from pulmoscan.reading.intake import Item, failing
from pulmoscan.screening import decide
from tests.batch.quick import MODEL, quick
from tests.dicoms import dicom, save
from tests.every_byte import holds
from tests.export.test_pdf import page_words
from tests.pictures import encode, grey8

NAME = "QZPLANT"


@pytest.fixture
def pairs() -> Iterator[list[tuple[Item, Outcome]]]:
    """Two of one name in different folders, the second of them again, and one that cannot be read."""
    data = [save(dicom(12, 120, 130, PatientName=NAME)), encode(grey8(120, 130), "PNG")]
    items = [Item(f"{folder}/{NAME}.png", lambda i=i: data[min(i, 1)]) for i, folder in enumerate("abc")]  # type: ignore[misc]
    items.append(failing(f"{NAME}.png", FileNotReadable(f"/home/{NAME}.png", "no such file")))
    with quick():
        yield list(zip(items, screen_items(items, MODEL), strict=True))


def test_without_names_no_byte_names_anybody(pairs: list[tuple[Item, Outcome]]) -> None:
    overlays, pages = BytesIO(), BytesIO()
    neutral = [f"radiograph-{n:04d}" for n in (1, 2, 3)]
    assert list(write_overlays(pairs, overlays, anonymous=True)) == neutral
    assert list(write_pdf(pairs, pages, anonymous=True)) == neutral
    table = csv_text([outcome for _, outcome in anonymised(pairs)])
    for data in (overlays.getvalue(), pages.getvalue(), table.encode()):
        assert not holds(data, NAME)
    assert "The very same file as radiograph-0002." in table
    assert "radiograph-0004,error" in table


def test_one_that_can_no_longer_be_read_spoils_nothing(pairs: list[tuple[Item, Outcome]]) -> None:
    """It is told, in the archive too."""
    gone = failing(pairs[1][0].name, FileNotReadable(f"/home/{NAME}.png", "no such file"))
    pairs[1] = (gone, pairs[1][1])
    overlays, pages, failures = BytesIO(), BytesIO(), list[str]()
    assert len(list(write_overlays(pairs, overlays, failures=failures))) == 2
    assert "cannot be opened" in failures[0]
    with zipfile.ZipFile(overlays) as archive:
        assert failures[0] in archive.read("README.txt").decode()
    assert len(list(write_pdf(pairs, pages, anonymous=True, failures=failures))) == 2
    assert len(pypdfium2.PdfDocument(pages.getvalue())) == 3, "the summary and two reports"
    assert NAME not in failures[1]


def test_a_page_that_cannot_be_drawn_spoils_nothing(
    pairs: list[tuple[Item, Outcome]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from pulmoscan.export import Report, pdf

    true = pdf._patient_cells

    def fail(report: Report) -> list[tuple[str, str]]:
        if report.radiograph.dicom:
            raise KeyError(NAME)
        return true(report)

    monkeypatch.setattr(pdf, "_patient_cells", fail)
    pages, failures = BytesIO(), list[str]()
    assert len(list(write_pdf(pairs, pages, failures=failures))) == 2
    assert len(pypdfium2.PdfDocument(pages.getvalue())) == 3
    assert failures == [f"a/{NAME}.png could not be drawn (KeyError)."]
    assert NAME not in caplog.text


def test_pdf_begins_with_a_summary(pairs: list[tuple[Item, Outcome]]) -> None:
    """Positive, negative, refused and failed, by model, population and operating point."""
    item, outcome = pairs[1]
    refused = replace(outcome, status="refused", screening=None, reason="This looks like a side view.")
    screening = outcome.screening
    assert screening
    child = decide(screening.reading, "child")
    pages = BytesIO()
    everything = [*pairs, (item, refused), (item, replace(outcome, screening=child, duplicate_of=""))]
    assert len(list(write_pdf(everything, pages))) == 4
    with closing(pypdfium2.PdfDocument(pages.getvalue())) as document:
        said = page_words(document[0])
        assert len(document) == 5
    positive = sum(o.screening.label == "pneumonia" for _, o in everything if o.screening)
    for expected in (
        "Files 6",
        f"{LOOKS['pneumonia'].headline} {positive}",
        f"{LOOKS['normal'].headline} {4 - positive}",
        "Refused: not screened 1",
        "Failed: not read 1",
        "1 × This looks like a side view.",
        "cannot be opened",
        "files of the same content 1",
        get_spec(MODEL).title,
        "Age unknown",
        "Children",
        threshold_text(child),
        CLEARED_NOTE,
        DISCLAIMER,
    ):
        assert expected in said, expected


def test_summary_of_much_is_cut_and_says_so(pairs: list[tuple[Item, Outcome]]) -> None:
    screening = pairs[0][1].screening
    assert screening
    many = Summary(
        [replace(screening, threshold=n / 100) for n in range(99)],
        [f"Refused for the {n}th of many reasons. " * 9 for n in range(40)],
        [f"Failed {n}. " * 60 for n in range(40)],
        duplicates=3,
    )
    target = BytesIO()
    list(write_pages([], target, cover=partial(draw_summary, many)))
    with closing(pypdfium2.PdfDocument(target.getvalue())) as document:
        said = " ".join(page_words(page) for page in document)
        assert len(document) == 2
    assert "and 87 more" in said
    assert said.count("and 32 for other reasons") == 2


def test_overlays_bear_our_mark(pairs: list[tuple[Item, Outcome]]) -> None:
    overlays = BytesIO()
    list(write_overlays(pairs, overlays))
    with zipfile.ZipFile(overlays) as archive:
        pictures = [name for name in archive.namelist() if name.endswith(".jpg")]
        assert sorted(pictures) == [f"{NAME}-2.jpg", f"{NAME}-3.jpg", f"{NAME}.jpg"]
        for name in pictures:
            assert Image.open(BytesIO(archive.read(name))).info["comment"].startswith(b"PulmoScan ")

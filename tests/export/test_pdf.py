"""The PDF: one page or more, with all that it must say, in view and in its place."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pulmoscan import DISCLAIMER, __version__
from pulmoscan.export import Report
from pulmoscan.export.content import PageSize
from pulmoscan.export.evidence import Measured
from pulmoscan.export.pdf import pdf
from pulmoscan.models.registry import get_spec
from tests.export.conftest import IDENTIFIERS, MakeReport, without_streams

pypdfium2 = pytest.importorskip("pypdfium2", reason="pypdfium2 is not installed")
SIZES: dict[PageSize, tuple[int, int]] = {"A4": (595, 842), "Letter": (612, 792)}


@contextmanager
def opened(data: bytes) -> Iterator[Any]:
    """The only page."""
    with closing(pypdfium2.PdfDocument(data)) as document:
        assert len(document) == 1
        yield document[0]


def words(data: bytes) -> str:
    with opened(data) as page:
        return page_words(page)


def page_words(page: Any) -> str:
    with closing(page.get_textpage()) as text:
        return " ".join(text.get_text_range().split())


@pytest.mark.parametrize("size", SIZES)
def test_one_page_with_all_that_it_must_say(from_dicom: MakeReport, size: PageSize) -> None:
    report = from_dicom()
    data = pdf(report, size)
    with opened(data) as page:
        assert tuple(round(side) for side in page.get_size()) == SIZES[size]
    said = words(data)
    measured = report.measured
    assert isinstance(measured, Measured)
    for expected in (
        "Doe Jane",
        "MRN-4711",
        "2024-02-03",
        "34 years",
        report.headline,
        f"{report.screening.reading.probability:.3f}",
        "ResNet-18",
        report.weights_sha256,
        f"{100 * measured.sensitivity.estimate:.1f} % (95 % interval {100 * measured.sensitivity.low:.1f} to",
        f"{100 * measured.specificity.estimate:.1f} % (95 % interval",
        "Adults",
        "Lung attention",
        DISCLAIMER,
        f"PulmoScan {__version__}",
        f"{report.created:%Y}",
    ):
        assert expected in said, expected


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("height", [100, 320, 900])
def test_nothing_overlaps_or_leaves_the_page(from_dicom: MakeReport, size: PageSize, height: int) -> None:
    """Even with every warning at once and a radiograph of odd shape; looked at as rendered."""
    tall = from_dicom(picture=np.linspace(0, 1, height * 300).reshape(height, 300))
    outcome = replace(tall.screening, warnings=tuple(f"Warning {n} that goes on for a good while. " * 3 for n in "abc"))
    report = Report(tall.radiograph, outcome)
    with opened(pdf(report, size)) as page, closing(page.get_textpage()) as text:
        width = page.get_width()
        count = text.count_rects()
        boxes = [text.get_rect(n) for n in range(count)]
        picture = np.asarray(page.render(scale=1).to_pil().convert("L"))
    for left, bottom, right, top in boxes:
        assert left >= 30
        assert right <= width - 30
        assert bottom >= 30
        assert top <= SIZES[size][1] - 30
    for n, (left, bottom, right, top) in enumerate(boxes):
        for other_left, other_bottom, other_right, other_top in boxes[n + 1 :]:
            across = min(right, other_right) - max(left, other_left)
            down = min(top, other_top) - max(bottom, other_bottom)
            assert across <= 1 or down <= 2.5, "texts lie over one another"
    assert (picture[:, :20] > 250).all(), "the margin is white"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [20, 60])
def test_many_warnings_go_on_to_other_pages(from_dicom: MakeReport, size: PageSize, count: int) -> None:
    """Nothing is lost, the pictures stay large enough to see something, and each page names the patient."""
    report = from_dicom()
    numbered = tuple(f"Warning {n} of many, which goes on for a good while. " * 2 for n in range(count))
    data = pdf(Report(report.radiograph, replace(report.screening, warnings=numbered)), size)
    with closing(pypdfium2.PdfDocument(data)) as document:
        said = [page_words(page) for page in document]
        images = [item for item in document[0].get_objects() if isinstance(item, pypdfium2.PdfImage)]
        heights = [top - bottom for _, bottom, _, top in (image.get_bounds() for image in images)]
    assert len(said) > 1
    assert [n for n in range(count) if f"Warning {n} of many" not in " ".join(said)] == []
    assert all("Doe Jane" in page and "MRN-4711" in page and DISCLAIMER in page for page in said)
    assert ["Continued on the next page" in page for page in said] == [True] * (len(said) - 1) + [False]
    assert len(heights) == 2
    assert min(heights) > 200, "points"


def test_pictures_are_the_radiograph_and_its_overlay(from_png: MakeReport) -> None:
    report = from_png()
    with opened(pdf(report)) as page:
        images = [
            np.asarray(item.get_bitmap().to_pil().convert("RGB"), float)
            for item in page.get_objects()
            if isinstance(item, pypdfium2.PdfImage)
        ]
    grey, overlay = images
    assert np.abs(grey[..., 0] / 255 - report.picture).mean() < 0.02
    assert np.abs(overlay - report.overlay).mean() < 6
    assert np.ptp(overlay, axis=2).max() > 30, "colour"


def test_anonymous_names_no_one(from_dicom: MakeReport) -> None:
    report = from_dicom(anonymous=True)
    data = pdf(report)
    said = words(data)
    assert "anonymous" in said
    for identifier in (*IDENTIFIERS, "1990-01-02", "2024-02-03", "34 years"):
        assert identifier not in said
        assert identifier.encode() not in without_streams(data)


def test_threshold_that_was_moved_is_said_with_validation_figures(from_dicom: MakeReport) -> None:
    said = words(pdf(from_dicom(threshold=0.9)))
    assert "0.900 (moved from" in said
    assert "validation radiographs of adults" in said
    assert "at a prevalence of 10 %" in said


def test_balanced_point_is_called_by_its_name(from_png: MakeReport) -> None:
    report = from_png()
    balanced = report.screening.reading.card.balanced["child"]
    said = words(pdf(from_png(threshold=balanced)))
    assert f"{balanced:.3f} (the operating point “balanced”, in place of 0.310" in said


def test_number_of_an_external_model_is_called_a_score(from_png: MakeReport) -> None:
    report = from_png()
    reading = replace(report.screening.reading, model=get_spec("xrv-densenet121-all"))
    said = words(pdf(Report(report.radiograph, replace(report.screening, reading=reading))))
    assert "Score 0.654" in said
    assert "Probability" not in said
    assert "authors' operating point" in said


@pytest.mark.parametrize("name", ["Müller^Jürgen", "Ωmega^Ж", "王^小明", "A & B <i>x"])
def test_names_of_all_scripts(from_dicom: MakeReport, name: str) -> None:
    said = words(pdf(from_dicom(PatientName=name, SpecificCharacterSet="ISO_IR 192")))
    expected = " ".join("".join(c if ord(c) < 0x2000 else "□" for c in name).replace("^", " ").split())
    assert expected in said


def test_pages_are_no_larger_than_a_mail_takes(from_dicom: MakeReport) -> None:
    data = pdf(from_dicom(picture=np.random.default_rng(0).random((1500, 1500))))
    assert len(data) < 4_000_000
    assert Image.open(io.BytesIO(data[:0] or _first_page(data))).size[0] > 500


def _first_page(data: bytes) -> bytes:
    with opened(data) as page:
        file = io.BytesIO()
        page.render(scale=1).to_pil().save(file, "PNG")
        return file.getvalue()

"""What was screened in spite of a refusal says so in every export; pictures say what they are by themselves."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image

from pulmoscan import DISCLAIMER
from pulmoscan.batch.outcomes import Outcome
from pulmoscan.batch.output import Csv, JsonLines, Table
from pulmoscan.examination.gate import NOT_A_CHEST
from pulmoscan.export import FORMATS, Report, write_report
from pulmoscan.export.caption import ALARM, caption_lines, captioned, marked
from pulmoscan.models import gradcam
from pulmoscan.screening import decide
from tests.chest_views import examination
from tests.every_byte import every_byte
from tests.export.conftest import MakeReport

SAID = b"althoughitwasrefused:"
"""Without blanks, as a line's end may stand for one."""


def overruled(report: Report) -> Report:
    """The same, had the gate refused it and had it been screened all the same."""
    reading = replace(report.screening.reading, examination=examination(NOT_A_CHEST))
    return replace(report, screening=decide(reading))


def words(data: bytes) -> bytes:
    return b"".join(every_byte(data).lower().split())


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_marked(from_dicom: MakeReport, kind: Any) -> None:
    report = from_dicom()
    assert SAID not in words(write_report(report, kind))
    assert SAID in words(write_report(overruled(report), kind))
    if kind in ("pdf", "dicom-sr", "dicom-sc"):
        assert b"refused,yetscreened:" in words(write_report(overruled(report), kind)), "the headline too"


@pytest.mark.parametrize("writer", [JsonLines, Csv, Table])
def test_results_are_marked(from_dicom: MakeReport, writer: Any) -> None:
    for report, marks in ((from_dicom(), 0), (overruled(from_dicom()), 1)):
        stream = io.StringIO()
        writer(stream).write(Outcome("a.png", "ok", "resnet18", report.radiograph, report.screening))
        assert stream.getvalue().count("although it was refused") == marks


def pixels(report: Report, kind: Any) -> NDArray[np.uint8]:
    data = write_report(report, kind)
    if kind == "png":
        return np.asarray(Image.open(BytesIO(data)))
    return np.asarray(pydicom.dcmread(BytesIO(data)).pixel_array)


@pytest.mark.parametrize("kind", ["png", "dicom-sc"])
def test_pictures_are_marked_in_their_pixels(from_dicom: MakeReport, kind: Any) -> None:
    report = from_dicom()
    height = report.overlay.shape[0]
    np.testing.assert_array_equal(pixels(report, kind)[:height], report.overlay)
    band = pixels(overruled(report), kind)[:12]
    assert (band == ALARM).all(axis=2).mean() > 0.5


@pytest.mark.parametrize("kind", ["png", "dicom-sc"])
def test_pictures_carry_the_colour_bar_and_a_caption(from_dicom: MakeReport, kind: Any) -> None:
    report = from_dicom()
    strip = pixels(report, kind)[report.overlay.shape[0] :].reshape(-1, 3)
    shown = {tuple(colour) for colour in strip.tolist()}
    colours = gradcam.colours(np.array([0.0, 1.0]))
    assert {tuple(colour) for colour in colours.tolist()} <= shown, "the scale from end to end"
    said = " ".join(caption_lines(report))
    for words in ("0.654", "0.420", "the operating point for adults", "ResNet-18", "PulmoScan", DISCLAIMER):
        assert words in said
    data = every_byte(write_report(report, kind))
    assert b"the operating point for adults" in data
    assert b"Not a medical device" in data


@pytest.mark.parametrize("width", [64, 240, 1400, 4000])
def test_captions_fit_every_width(from_png: MakeReport, width: int) -> None:
    report = overruled(from_png())
    report.__dict__["overlay"] = np.zeros((width, width, 3), np.uint8)  # as large as that
    picture = captioned(report)
    assert picture.shape[1] == width
    assert width < picture.shape[0] < max(3 * width, 800)


def test_what_was_not_refused_stays_as_it_is() -> None:
    picture = np.full((100, 200, 3), 7, np.uint8)
    assert marked(picture, "") is picture
    assert marked(picture, "Refused").shape == picture.shape
    assert (picture == 7).all()


def test_json_says_why_it_was_refused(from_dicom: MakeReport) -> None:
    assert json.loads(write_report(from_dicom(), "json"))["screened_although_refused"] is None
    said = json.loads(write_report(overruled(from_dicom()), "json"))["screened_although_refused"]
    assert NOT_A_CHEST.finding in said

"""Contours in reports, segmentations and presentation states: where they lie, and what validators say of them."""

from __future__ import annotations

import io
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicom_validator.validator.dicom_info import DicomInfo
from PIL import Image

from pulmoscan.examination.examine import Examination
from pulmoscan.examination.lungs import ChestView
from pulmoscan.export import Report
from pulmoscan.export.dicom_gsps import presentation_state
from pulmoscan.export.dicom_regions import regions
from pulmoscan.export.dicom_seg import segmentation
from pulmoscan.export.dicom_sr import structured_report
from pulmoscan.export.evidence import Measured
from pulmoscan.screening import decide
from tests.dicoms import dicom, save
from tests.export.conftest import MakeReport
from tests.export.standard_tables import faults
from tests.export.test_dicom_reports import by_name, items, validator

WRITERS = {"sr": structured_report, "seg": segmentation, "gsps": presentation_state}


def with_lungs(report: Report) -> Report:
    """The same with two lungs: rectangles in the left and right thirds."""
    mask = np.zeros((224, 224), np.uint8)
    mask[40:180, 20:90] = mask[40:180, 134:204] = 1
    turns = np.array([1, 0, 0, 0], np.float32)
    view = ChestView(np.packbits(mask), 1.0, 1.0, 0.0, 0.0, turns, 1.0)
    reading = replace(report.screening.reading, examination=Examination(view, None, (), 1.0))
    return replace(report, screening=decide(reading), repeatable=True)


@pytest.fixture
def report(from_dicom: MakeReport) -> Report:
    return with_lungs(from_dicom())


def test_contours_lie_where_the_lungs_are(report: Report) -> None:
    lungs, heat = regions(report)
    assert [lungs.kind, heat.kind] == ["lungs", "heat"]
    assert len(lungs.contours) == 2
    rows, columns = lungs.mask.shape
    assert (rows, columns) == (320, 260)
    for contour in (*lungs.contours, *heat.contours):
        np.testing.assert_array_equal(contour[0], contour[-1])
        assert (contour >= 0).all()
        assert (contour <= (columns, rows)).all()
    left = min(lungs.contours, key=lambda c: c[:, 0].mean())
    np.testing.assert_allclose(left.min(0), (20 / 224 * columns, 40 / 224 * rows), atol=1.5)
    np.testing.assert_allclose(left.max(0), (90 / 224 * columns, 180 / 224 * rows), atol=1.5)


def test_a_segmentation_holds_the_masks(report: Report) -> None:
    data = segmentation(report)
    assert data
    document = pydicom.dcmread(io.BytesIO(data))
    assert report.radiograph.dicom
    source = report.radiograph.dicom.header
    assert document.SegmentSequence[0].SegmentLabel == "Lungs"
    frames = document.pixel_array
    for frame, region in zip(frames, regions(report), strict=True):
        np.testing.assert_array_equal(frame, region.mask)
    (series,) = document.ReferencedSeriesSequence
    (instance,) = series.ReferencedInstanceSequence
    assert instance.ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert instance.ReferencedSOPClassUID == source.SOPClassUID
    assert document.StudyInstanceUID == source.StudyInstanceUID


def test_a_report_outlines_lungs_and_heat(report: Report) -> None:
    document = pydicom.dcmread(io.BytesIO(structured_report(report)))
    outlines = [item for item in items(document) if item.ValueType == "SCOORD"]
    assert len(outlines) == 2 + len(regions(report)[1].contours)
    expected = [contour for region in regions(report) for contour in region.contours]
    for outline, contour in zip(outlines, expected, strict=True):
        assert outline.GraphicType == "POLYLINE"
        np.testing.assert_allclose(np.reshape(outline.GraphicData, (-1, 2)), contour)
    (ratio,) = by_name(document, "LIKELIHOODRATIO")
    assert isinstance(report.measured, Measured)
    expected_ratio = report.measured.likelihood_ratio(report.screening.label).estimate
    assert float(ratio.MeasuredValueSequence[0].NumericValue) == pytest.approx(expected_ratio, rel=1e-3)


def test_a_presentation_state_draws_them_in_pixels(report: Report) -> None:
    data = presentation_state(report)
    assert data
    state = pydicom.dcmread(io.BytesIO(data))
    lungs = state.GraphicAnnotationSequence[0]
    drawn = np.reshape(lungs.GraphicObjectSequence[0].GraphicData, (-1, 2))
    np.testing.assert_allclose(drawn, regions(report)[0].contours[0] + 0.5)
    (text,) = state.GraphicAnnotationSequence[-1].TextObjectSequence
    assert "not a medical device" in text.UnformattedTextValue


def test_no_outlines_of_what_is_no_dicom_file(from_png: MakeReport) -> None:
    report = with_lungs(from_png())
    assert regions(report) == []
    assert segmentation(report) is None
    assert presentation_state(report) is None


def test_the_same_source_and_weights_give_the_same_instances(report: Report) -> None:
    again = replace(report, created=report.created.replace(year=2031))
    for kind, write in WRITERS.items():
        uids = {str(pydicom.dcmread(io.BytesIO(write(r) or b"")).SOPInstanceUID) for r in (report, again)}
        assert len(uids) == 1, kind
    other = replace(report, screening=decide(report.screening.reading, threshold=0.9))
    assert pydicom.dcmread(io.BytesIO(structured_report(other))).SOPInstanceUID not in uids
    once = replace(report, repeatable=False)
    assert pydicom.dcmread(io.BytesIO(structured_report(once))).SOPInstanceUID not in uids


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("sparse", [False, True])
def test_dciodvfy_finds_no_error(kind: str, sparse: bool, from_dicom: MakeReport, tmp_path: Path) -> None:
    nothing = dict.fromkeys(("PatientAge", "PatientName", "StudyTime", "StudyID", "AccessionNumber"))
    report = with_lungs(from_dicom(**(nothing if sparse else {})))
    path = tmp_path / "export.dcm"
    path.write_bytes(WRITERS[kind](report) or b"")
    result = subprocess.run([validator("dciodvfy"), str(path)], capture_output=True, text=True, timeout=60, check=False)
    said = (result.stdout + result.stderr).splitlines()
    assert [line for line in said if line.startswith("Error")] == []
    assert result.returncode == 0
    if kind == "sr":
        subprocess.run([validator("dsrdump"), str(path)], capture_output=True, timeout=60, check=True)


@pytest.mark.parametrize("kind", WRITERS)
def test_dicom_validator_finds_no_error(kind: str, report: Report, standard: DicomInfo, tmp_path: Path) -> None:
    assert faults(WRITERS[kind](report) or b"", standard, tmp_path) == set()


def test_dcmtk_shows_the_source_by_its_presentation_state(report: Report, tmp_path: Path) -> None:
    """It belongs to the source, has no faults, and leaves the radiograph's own greys as they are.

    dcmtk draws no vectors; where they lie is tested above.
    """
    image, state = tmp_path / "image.dcm", tmp_path / "state.dcm"
    assert report.radiograph.dicom
    header = report.radiograph.dicom.header
    same: dict[str, Any] = {keyword: str(header.get(keyword)) for keyword in ("SOPInstanceUID", "SeriesInstanceUID")}
    source = dicom(12, 320, 260, **same)
    image.write_bytes(save(source))
    state.write_bytes(presentation_state(report) or b"")
    shown = {}
    for name, options in (("with", ["-p", str(state)]), ("without", [])):
        command = [validator("dcmp2pgm"), *options, str(image), str(tmp_path / f"{name}.pgm")]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
        assert not [line for line in done.stderr.splitlines() if line.startswith(("E:", "F:"))]
        shown[name] = np.asarray(Image.open(tmp_path / f"{name}.pgm")).astype(int)
    assert np.abs(shown["with"] - shown["without"]).max() <= 1
    checked = subprocess.run(
        [validator("dcmpschk"), str(state)], capture_output=True, text=True, timeout=60, check=False
    )
    assert "Test passed" in checked.stdout + checked.stderr, checked.stdout + checked.stderr

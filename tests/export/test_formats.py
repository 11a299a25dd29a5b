"""JSON and PNG, and what all formats have in common."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from pulmoscan import DISCLAIMER
from pulmoscan.export import FORMATS, write_report
from pulmoscan.export.evidence import Measured, Unmeasured
from pulmoscan.export.formats import FormatName, as_dict
from tests.export.conftest import IDENTIFIERS, MakeReport


def test_json_is_the_result_and_what_it_rests_on(from_dicom: MakeReport) -> None:
    report = from_dicom()
    result = json.loads(write_report(report, "json"))
    assert result["probability"] == round(report.screening.reading.probability, 6)
    assert result["label"] == report.screening.label
    assert result["weights_sha256"] == report.weights_sha256
    assert result["disclaimer"] == DISCLAIMER
    assert result["operating_point"] == {"population": "adult", "threshold": 0.42}
    assert result["measured_at_threshold"]["split"] == "test"
    assert result["measured_at_threshold"]["sensitivity"]["n"] == 350
    assert result["file"] == "Doe Jane.dcm"


@pytest.mark.parametrize("kind", ["json", "png"])
def test_names_no_patient_even_where_not_anonymous(from_dicom: MakeReport, kind: FormatName) -> None:
    data = write_report(from_dicom(), kind).replace(b"Doe Jane.dcm", b"")
    for identifier in IDENTIFIERS:
        assert identifier.encode() not in data


def test_png_is_the_overlay_with_what_it_is_not(from_png: MakeReport) -> None:
    report = from_png()
    with Image.open(io.BytesIO(write_report(report, "png"))) as image:
        np.testing.assert_array_equal(np.asarray(image)[: report.overlay.shape[0]], report.overlay)
        assert image.text["Disclaimer"] == DISCLAIMER  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_written_for_every_source(
    from_png: MakeReport, from_dicom: MakeReport, kind: FormatName
) -> None:
    for report in (from_png(), from_png(anonymous=True), from_dicom(), from_dicom(anonymous=True)):
        assert len(write_report(report, kind)) > 300


def test_figures_follow_the_threshold(from_dicom: MakeReport, from_png: MakeReport) -> None:
    """Test figures at any operating point, validation figures elsewhere, none where the population is not known."""
    report = from_dicom()
    card = report.screening.reading.card
    for threshold in card.points("adult").values():
        measured = from_dicom(threshold=threshold).measured
        assert isinstance(measured, Measured)
        assert measured.split == "test"
        assert measured.sensitivity == card.scores["adult", "test"].at(threshold).sensitivity
    moved = from_dicom(threshold=0.987).measured
    assert isinstance(moved, Measured)
    assert moved.split == "validation"
    assert moved.specificity == card.scores["adult", "validation"].at(0.987).specificity
    unknown = from_png()
    assert unknown.population.startswith("age unknown")
    assert isinstance(unknown.measured, Unmeasured)
    assert as_dict(unknown)["not_measured"] == unknown.measured.reason
    assert as_dict(report)["measured_at_threshold"]["split"] == "test"

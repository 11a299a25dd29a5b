"""Structured report and secondary capture: what they say, to whom they belong, and what validators say of them."""

from __future__ import annotations

import io
import logging
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicom_validator.validator.dicom_info import DicomInfo
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from pulmoscan import DISCLAIMER
from pulmoscan.export import Report, write_report
from pulmoscan.export.deidentify import deidentify
from pulmoscan.export.formats import FormatName
from tests.dicoms import dicom
from tests.export.conftest import IDENTIFIERS, MakeReport, without_streams
from tests.export.standard_tables import faults

KINDS: tuple[FormatName, ...] = ("dicom-sr", "dicom-sc")
SAME_STUDY = (
    "StudyInstanceUID",
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "AccessionNumber",
    "StudyID",
)


def read(report: Report, kind: FormatName) -> Dataset:
    return pydicom.dcmread(io.BytesIO(write_report(report, kind)))


def items(dataset: Dataset) -> Iterator[Dataset]:
    """All content items of a structured report."""
    for item in dataset.get("ContentSequence", []):
        yield item
        yield from items(item)


def by_name(dataset: Dataset, code: str) -> list[Dataset]:
    return [
        i for i in items(dataset) if "ConceptNameCodeSequence" in i and i.ConceptNameCodeSequence[0].CodeValue == code
    ]


# What they say


def test_structured_report_holds_the_finding_its_number_and_the_algorithm(from_dicom: MakeReport) -> None:
    report = from_dicom()
    document = read(report, "dicom-sr")
    assert document.Modality == "SR"
    assert document.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    finding, *outlined = by_name(document, "121071")
    assert {item.ConceptCodeSequence[0].CodeValue for item in outlined} <= {"39607008", "HEAT"}
    concept = finding.ConceptCodeSequence[0]
    assert (concept.CodeValue, concept.CodingSchemeDesignator) == ("233604007", "SCT")
    (number,) = by_name(document, "111012")
    value = number.MeasuredValueSequence[0]
    assert float(value.NumericValue) == pytest.approx(100 * report.screening.reading.probability, abs=0.01)
    assert value.MeasurementUnitsCodeSequence[0].CodeValue == "%"
    (threshold,) = by_name(document, "THRESHOLD")
    assert float(threshold.MeasuredValueSequence[0].NumericValue) == pytest.approx(100 * report.screening.threshold)
    (name,) = by_name(document, "111001")
    (version,) = by_name(document, "111003")
    assert name.TextValue == "PulmoScan ResNet-18"
    assert report.weights_sha256 in version.TextValue
    assert DISCLAIMER in [comment.TextValue for comment in by_name(document, "121106")]


@pytest.mark.parametrize(
    ("threshold", "code", "priority"), [(0.0, "260373001", "394849002"), (1.0, "260415000", "394848005")]
)
def test_decision_and_priority_are_coded(from_png: MakeReport, threshold: float, code: str, priority: str) -> None:
    document = read(from_png(threshold=threshold), "dicom-sr")
    for name, value in (("233604007", code), ("260870009", priority)):
        (evaluation,) = by_name(document, name)
        assert evaluation.ConceptCodeSequence[0].CodeValue == value


def test_secondary_capture_shows_the_overlay_and_says_what_it_is_not(from_dicom: MakeReport) -> None:
    report = from_dicom()
    capture = read(report, "dicom-sc")
    pixels = capture.pixel_array
    height = report.overlay.shape[0]
    np.testing.assert_array_equal(pixels[:height], report.overlay)
    assert pixels.shape[0] > height, "a caption below"
    assert np.ptp(pixels[height:]) > 150
    assert DISCLAIMER in capture.DerivationDescription
    assert capture.BurnedInAnnotation == "NO"
    assert read(from_dicom(BurnedInAnnotation="YES"), "dicom-sc").BurnedInAnnotation == "YES"


# To whom they belong


@pytest.mark.parametrize("kind", KINDS)
def test_belongs_to_the_sources_study_in_a_series_of_its_own(from_dicom: MakeReport, kind: FormatName) -> None:
    report = from_dicom()
    assert report.radiograph.dicom is not None
    source = report.radiograph.dicom.header
    export = read(report, kind)
    for keyword in SAME_STUDY:
        assert export.get(keyword) == source.get(keyword), keyword
    assert export.SeriesInstanceUID != source.SeriesInstanceUID
    assert export.SOPInstanceUID != source.SOPInstanceUID
    if kind == "dicom-sc":
        (reference,) = export.SourceImageSequence
    else:
        (study,) = export.CurrentRequestedProcedureEvidenceSequence
        assert study.StudyInstanceUID == source.StudyInstanceUID
        (reference,) = study.ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert reference.ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert reference.ReferencedSOPClassUID == source.SOPClassUID


def test_picture_gets_a_new_study_and_an_anonymous_patient(from_png: MakeReport) -> None:
    report = from_png()
    document, capture = (read(report, kind) for kind in KINDS)
    assert str(document.PatientName).startswith("Anonymous")
    assert document.PatientID == capture.PatientID
    assert document.StudyInstanceUID == capture.StudyInstanceUID
    (study,) = document.CurrentRequestedProcedureEvidenceSequence
    series = study.ReferencedSeriesSequence[0]
    assert series.SeriesInstanceUID == capture.SeriesInstanceUID
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == capture.SOPInstanceUID
    assert "SourceImageSequence" not in capture


@pytest.mark.parametrize("kind", KINDS)
def test_header_without_patient_or_study_still_gives_a_valid_export(from_dicom: MakeReport, kind: FormatName) -> None:
    nothing = dict.fromkeys((*SAME_STUDY, "SOPInstanceUID", "StudyTime", "ReferringPhysicianName", "SeriesInstanceUID"))
    export = read(from_dicom(**nothing), kind)
    assert export.PatientBirthDate == ""
    assert pydicom.uid.UID(export.StudyInstanceUID).is_valid
    odd = from_dicom(PatientBirthDate="unknown", PatientSex="X", StudyTime="noon", StudyDate="")
    assert read(odd, kind).PatientSex == ""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "characters"), [("Müller^Jürgen", "ISO_IR 100"), ("王^小明", "GB18030"), ("Иванов^Иван", "ISO_IR 144")]
)
def test_names_of_all_scripts(from_dicom: MakeReport, kind: FormatName, name: str, characters: str) -> None:
    export = read(from_dicom(SpecificCharacterSet=characters, PatientName=name), kind)
    assert export.SpecificCharacterSet == "ISO_IR 192"
    assert export.PatientName == name


# Anonymous


def full_of_identifiers() -> dict[str, Any]:
    """Identifiers at every depth."""
    request = Dataset()
    request.RequestedProcedureID, request.RequestingPhysician = "ward-7", "Who^Doctor"
    patient = Dataset()
    patient.PatientName, patient.PatientID, patient.PatientBirthDate = "Other^Name", "MRN-4711", "19900102"
    view = Dataset()
    view.CodeValue, view.CodingSchemeDesignator, view.CodeMeaning = "399348003", "SCT", "postero-anterior"
    view.add_new("OtherPatientIDsSequence", "SQ", Sequence([patient]))
    return {
        "RequestAttributesSequence": Sequence([request]),
        "OtherPatientNames": "Other^Name",
        "PatientComments": "Jane from ward-7",
        "StudyDescription": "for Jane Doe",
        "ViewCodeSequence": Sequence([view]),
        "PatientAddress": "Elsewhere 1",
    }


@pytest.mark.parametrize("kind", [*KINDS, "png", "json", "pdf"])
def test_anonymous_export_keeps_no_identifier(from_dicom: MakeReport, kind: FormatName) -> None:
    report = from_dicom(anonymous=True, **full_of_identifiers())
    assert report.radiograph.dicom is not None
    header = report.radiograph.dicom.header
    data = write_report(report, kind)
    uids = [str(header.get(k)) for k in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")]
    for identifier in (*IDENTIFIERS, *uids):
        # What a page of a PDF says is read in `test_pdf`.
        assert identifier.encode() not in (without_streams(data) if kind == "pdf" else data), identifier
    if kind in KINDS:
        export = pydicom.dcmread(io.BytesIO(data))
        assert export.PatientIdentityRemoved == "YES"
        assert export.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
        assert "PatientAge" not in export


def test_anonymous_exports_of_one_source_refer_to_one_another(from_dicom: MakeReport) -> None:
    report = from_dicom(anonymous=True)
    document, capture = (read(report, kind) for kind in KINDS)
    assert document.StudyInstanceUID == capture.StudyInstanceUID
    evidence = document.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence
    source = capture.SourceImageSequence[0].ReferencedSOPInstanceUID
    assert evidence[0].ReferencedSOPInstanceUID == source


def test_deidentified_data_set_keeps_its_picture_and_no_one() -> None:
    source = dicom(12, **full_of_identifiers())
    source.private_block(0x0011, "MAKER", create=True).add_new(1, "LO", "Doe^Jane")
    clean = deidentify(source)
    assert clean.PixelData == source.PixelData
    assert (clean.Rows, clean.Modality, clean.BodyPartExamined) == (source.Rows, "DX", "CHEST")
    assert source.PatientID == "MRN-4711", "the source stays as it is"
    said = str(clean)
    for identifier in IDENTIFIERS:
        assert identifier not in said, identifier
    assert not [element for element in clean.iterall() if element.tag.is_private]
    assert str(source.StudyInstanceUID) not in said


def test_what_cannot_be_read_goes_too() -> None:
    """An element of a value representation that there is not, here and in a sequence, as fuzzing met it."""
    unknown = RawDataElement(Tag(0x4F4C0012), "Lo", 8, b"Doe^Jane", 0, False, True)
    source = dicom(12)
    source[unknown.tag] = unknown
    item = Dataset()
    item[unknown.tag] = unknown
    source.RequestAttributesSequence = [item]
    clean = deidentify(source)
    assert "Doe^Jane" not in str(clean)
    assert unknown.tag not in clean
    assert clean.PixelData == source.PixelData


def test_the_library_remembers_no_identifier() -> None:
    from dicomanonymizer import simpledicomanonymizer

    source = dicom(12, **full_of_identifiers())
    deidentify(source)
    assert str(source.StudyInstanceUID) not in simpledicomanonymizer.dictionary


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_the_patient_is_logged(
    from_dicom: MakeReport, kind: FormatName, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        write_report(from_dicom(PatientName="Mononym", ReferringPhysicianName="Dottore"), kind)
    said = caplog.text + "".join(capsys.readouterr()) + "".join(str(warning.message) for warning in warned)
    for name in ("Mononym", "Dottore", "4711"):
        assert name not in said


# Validators


def validator(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed; on Debian: apt-get install dicom3tools dcmtk")
    return path


@pytest.fixture(params=["of a DICOM file", "of a DICOM file, anonymous", "of a sparse DICOM file", "of a PNG"])
def report(request: pytest.FixtureRequest, from_dicom: MakeReport, from_png: MakeReport) -> Report:
    if request.param == "of a PNG":
        return from_png()
    if "sparse" in request.param:
        return from_dicom(**dict.fromkeys(("PatientAge", "PatientName", "StudyTime", "StudyID", "AccessionNumber")))
    return from_dicom(anonymous="anonymous" in request.param)


@pytest.mark.parametrize("kind", KINDS)
def test_dciodvfy_finds_no_error(report: Report, kind: FormatName, tmp_path: Path) -> None:
    path = tmp_path / "export.dcm"
    path.write_bytes(write_report(report, kind))
    result = subprocess.run([validator("dciodvfy"), str(path)], capture_output=True, text=True, timeout=60, check=False)
    said = (result.stdout + result.stderr).splitlines()
    assert {"dicom-sr": "ComprehensiveSR", "dicom-sc": "SCImage"}[kind] in said
    assert [line for line in said if line.startswith("Error")] == []
    assert result.returncode == 0


def test_dsrdump_reads_the_report(report: Report, tmp_path: Path) -> None:
    path = tmp_path / "report.dcm"
    path.write_bytes(write_report(report, "dicom-sr"))
    result = subprocess.run([validator("dsrdump"), str(path)], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    assert "Pneumonia" in result.stdout
    assert not [line for line in result.stderr.splitlines() if line.startswith(("E:", "F:"))]


@pytest.mark.parametrize("kind", KINDS)
def test_dicom_validator_finds_no_error(report: Report, kind: FormatName, standard: DicomInfo, tmp_path: Path) -> None:
    assert faults(write_report(report, kind), standard, tmp_path) == set()


def test_dicom_validator_finds_what_is_missing_and_what_does_not_belong(
    from_dicom: MakeReport, standard: DicomInfo, tmp_path: Path
) -> None:
    spoilt = read(from_dicom(), "dicom-sr")
    del spoilt.Manufacturer, spoilt.StudyInstanceUID
    spoilt.Rows = 512
    file = io.BytesIO()
    spoilt.save_as(file, enforce_file_format=True)
    found = faults(file.getvalue(), standard, tmp_path)
    for tag in ("(0008,0070)", "(0020,000D)", "(0028,0010)"):
        assert any(tag in fault for fault in found), tag


def test_a_class_that_is_no_uid_stops_no_report(from_dicom: MakeReport) -> None:
    """Found by fuzzing."""
    written = read(from_dicom(SOPClassUID="1.#.840.10008.5.1.4.1.1.1.1"), "dicom-sr")
    assert written.PatientID == "MRN-4711"

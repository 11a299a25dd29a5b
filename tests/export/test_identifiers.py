"""Identifiers go out as they are or not at all."""

from __future__ import annotations

import io
from typing import Any

import pydicom
import pytest

from pulmoscan.export import write_report
from pulmoscan.export.identifiers import handed_on, left_empty
from tests.dicoms import dicom
from tests.export.conftest import MakeReport

GOOD = {
    "PatientID": ("AB/CD-1 x", "x" * 64, "Ü-胸"),
    "AccessionNumber": ("A1", "x" * 16),
    "PatientBirthDate": ("19450228", "20240229"),
    "StudyTime": ("10", "1011", "101112", "101112.123456"),
    "PatientName": ("Doe^Jane", "Zhang^XiaoDong=张^小东"),
    "PatientSex": ("M", "F", "O"),
}
BAD = {
    "PatientID": ("AB\\CD", "x" * 65, "a\x1bb"),
    "AccessionNumber": ("ACC-2024-000123456789", "A\\B"),
    "StudyID": ("x" * 17,),
    "PatientBirthDate": ("19450000", "20230229", "1945", "1945-01-01"),
    "StudyDate": ("20240000", "20241301"),
    "StudyTime": ("2400", "noon", "1060"),
    "PatientName": ("A\\B", "x" * 65),
    "PatientSex": ("X", "female"),
}


def cases(table: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    return [(keyword, value) for keyword, values in table.items() for value in values]


@pytest.mark.parametrize(("keyword", "value"), cases(GOOD))
def test_what_keeps_the_rules_goes_out_unchanged(keyword: str, value: str) -> None:
    header = dicom(8, **{keyword: value})
    assert str(handed_on(header, keyword)) == value
    assert left_empty(header) == []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("keyword", "value"), cases(BAD))
def test_what_breaks_them_stays_empty_with_a_warning(keyword: str, value: str) -> None:
    header = dicom(8, **{keyword: value})
    assert handed_on(header, keyword) == ""
    (warning,) = left_empty(header)
    assert "leave empty" in warning
    assert value not in warning


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["dicom-sr", "dicom-sc"])
@pytest.mark.parametrize(("keyword", "value"), cases(BAD))
def test_exports_are_written_all_the_same(from_dicom: MakeReport, kind: Any, keyword: str, value: str) -> None:
    export = pydicom.dcmread(io.BytesIO(write_report(from_dicom(**{keyword: value}), kind)))
    assert not export.get(keyword)


def test_identifiers_that_are_not_unique_ones_become_new(from_dicom: MakeReport) -> None:
    report = from_dicom(StudyInstanceUID="not a UID")
    assert "new ones" in report.left_empty[0]
    export = pydicom.dcmread(io.BytesIO(write_report(report, "dicom-sr")))
    assert export.StudyInstanceUID.is_valid


def test_missing_ones_are_nothing_to_warn_of(from_dicom: MakeReport) -> None:
    nothing = dict.fromkeys(("PatientID", "AccessionNumber", "StudyDate", "PatientName", "PatientSex"))
    assert from_dicom(**nothing).left_empty == []
    assert from_dicom(anonymous=True, PatientBirthDate="19450000").left_empty == []

"""Sending to an archive: the files as they lie on the disk, or in the encoding that it takes."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComprehensiveSRStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

from pulmoscan.hospital.configuration import DimseDestination
from pulmoscan.hospital.dimse import DimseArchive, Sent
from tests.hospital.archive import TestArchive


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A result in explicit VR, as all of ours are."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = ComprehensiveSRStorage, generate_uid()
    dataset.SeriesDescription = "A result"
    dataset.save_as(tmp_path / "result.dcm", enforce_file_format=True)
    return tmp_path / "result.dcm"


def answers_of(archive: TestArchive, file: Path) -> list[Sent]:
    """What becomes of a file that is sent to an archive, which then ends."""
    answers: list[Sent] = []
    try:
        settings = DimseDestination.model_validate(archive.destination(commitment=False))
        sender = DimseArchive(settings, "PULMOSCAN", lambda *_: None)
        sender.send({"1.2.3": file}, "1.2", lambda sent, _: answers.append(sent))
    finally:
        archive.stop()
    return answers


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_an_archive_gets_the_encoding_that_it_takes(file: Path, syntax: str) -> None:
    archive = TestArchive(syntaxes=[syntax])
    assert answers_of(archive, file) == [Sent("1.2.3")]
    (came,) = archive.datasets.values()
    assert came.SeriesDescription == "A result"


def test_of_several_encodings_the_file_keeps_its_own(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an archive would choose, it would choose the first that it knows, and each result would be written anew."""
    archive = TestArchive(syntaxes=[ImplicitVRLittleEndian, ExplicitVRLittleEndian])
    monkeypatch.setattr(pydicom, "dcmread", None)  # nothing is parsed
    assert answers_of(archive, file) == [Sent("1.2.3")]
    assert len(archive.datasets) == 1


def test_a_file_that_is_gone_reaches_no_archive(file: Path) -> None:
    archive = TestArchive()
    try:
        settings = DimseDestination.model_validate(archive.destination(commitment=False))
        with pytest.raises(FileNotFoundError):
            DimseArchive(settings, "PULMOSCAN", lambda *_: None).send(
                {"1.2.3": file, "1.2.4": file.with_name("gone.dcm")}, "1.2", lambda *_: None
            )
    finally:
        archive.stop()
    assert not archive.came

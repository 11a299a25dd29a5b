"""Damaged and hostile DICOM files, and real ones: each gives a result or a reason."""

from __future__ import annotations

import importlib.metadata
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom.data
import pytest
from PIL import Image
from pydicom import uid
from pydicom.encaps import encapsulate, get_frame
from pydicom.valuerep import PersonName

from pulmoscan import errors
from pulmoscan.reading.radiograph import load_radiograph
from tests.dicoms import LOSSLESS, LOSSY, can_encode, dicom, encode, load, save, shown, stored


def test_header_that_promises_more_pixels_than_the_limit() -> None:
    with pytest.raises(errors.ImageTooLarge):
        load(dicom(12, Rows=60000, Columns=60000))


def test_codestream_larger_than_its_header(tmp_path: Path) -> None:
    small, large = dicom(8), dicom(8, 600, 800)
    for syntax in (uid.JPEG2000Lossless, uid.JPEGLSLossless, uid.JPEGBaseline8Bit):
        data = pydicom.dcmread(io.BytesIO(encode(large, syntax, tmp_path)))
        data.Rows, data.Columns = small.Rows, small.Columns
        file = io.BytesIO()
        data.save_as(file)
        with pytest.raises(errors.DamagedDicom):
            load_radiograph(file.getvalue())


@pytest.mark.parametrize("syntax", [syntax for syntax in (*LOSSLESS, *LOSSY) if syntax.is_encapsulated])
def test_codestream_that_was_cut_is_never_shown_in_part(syntax: uid.UID, tmp_path: Path) -> None:
    """Decoders of JPEG fill what is missing with grey, which would be screened."""
    if not can_encode(syntax):
        pytest.skip("dcmtk is not installed")
    whole = encode(dicom(8 if syntax == uid.JPEGBaseline8Bit else 12), syntax, tmp_path)
    load_radiograph(whole)
    for share in (0.5, 0.9, 0.99):
        data = pydicom.dcmread(io.BytesIO(whole))
        frame = get_frame(data.PixelData, 0, number_of_frames=1)
        data.PixelData = encapsulate([frame[: int(share * len(frame))]])
        file = io.BytesIO()
        data.save_as(file)
        with pytest.raises(errors.DamagedDicom):
            load_radiograph(file.getvalue())


def test_deflated_file_that_unpacks_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulmoscan.reading.dicom.reading.MAX_INFLATED_BYTES", 2**20)
    dataset = dicom(8, picture=np.zeros((1500, 1500)))
    with pytest.raises(errors.ImageTooLarge):
        load_radiograph(save(dataset, uid.DeflatedExplicitVRLittleEndian))


def files(tmp_path: Path) -> Iterator[tuple[str, bytes]]:
    for syntax in (*LOSSLESS, *LOSSY):
        if can_encode(syntax):
            yield syntax.name, encode(dicom(8 if syntax == uid.JPEGBaseline8Bit else 12), syntax, tmp_path)


@pytest.mark.filterwarnings("ignore")
def test_damage_gives_a_result_or_a_reason(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    for name, data in files(tmp_path):
        for share in (0.03, 0.2, 0.5, 0.8):
            cut = data[: int(share * len(data))]
            with pytest.raises(errors.RadiographError):
                load_radiograph(cut)
        for attempt in range(40):
            spoilt = np.frombuffer(data, np.uint8).copy()
            reach = min(len(data), 1600) if attempt % 2 else len(data)
            for at in rng.integers(132, reach, rng.integers(1, 6)):
                spoilt[at] = rng.integers(256)
            try:
                result = load_radiograph(spoilt.tobytes())
            except errors.RadiographError:
                continue
            assert np.isfinite(result.pixels).all(), name
            assert 0 <= result.pixels.min() < result.pixels.max() <= 1, name


def test_jpeg_in_place_of_pixels_that_is_none() -> None:
    dataset = pydicom.dcmread(io.BytesIO(save(dicom(8))))
    dataset.PixelData = encapsulate([b"not a JPEG"])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = uid.JPEGBaseline8Bit
    file = io.BytesIO()
    dataset.save_as(file)
    with pytest.raises(errors.DamagedDicom):
        load_radiograph(file.getvalue())


@pytest.mark.parametrize("stated", ["US", "AT", "DS", "IS", "PN", "UN", "SQ"])
@pytest.mark.parametrize("element", [b"\x10\x00\x20\x00LO", b"\x10\x00\x10\x00PN", b"\x20\x00\x0d\x00UI"])
def test_an_element_of_another_kind_than_the_standards(element: bytes, stated: str) -> None:
    """Found by fuzzing: a number where exports expect a text."""
    data = save(dicom()).replace(element, element[:4] + stated.encode(), 1)
    try:
        found = load_radiograph(data)
    except errors.RadiographError:
        return
    assert found.dicom is not None
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID"):
        value = found.dicom.header.get(keyword)
        assert value is None or isinstance(value, str | PersonName | pydicom.multival.MultiValue)


def test_a_text_under_another_kind_is_still_the_text() -> None:
    data = save(dicom()).replace(b"\x10\x00\x20\x00LO", b"\x10\x00\x20\x00IS", 1)
    found = load_radiograph(data)
    assert found.dicom is not None
    assert found.dicom.facts.identity.patient_id == "MRN-4711"


# Real files


def real_files() -> list[Path]:
    """All of pydicom's own test files and of pydicom-data."""
    own = Path(pydicom.data.__file__).parent / "test_files"
    try:
        listed = importlib.metadata.files("pydicom-data") or []
    except importlib.metadata.PackageNotFoundError:
        listed = []
    paths = [Path(str(file.locate())) for file in listed] + list(own.rglob("*"))
    return sorted(path for path in paths if path.is_file() and path.suffix not in (".py", ".pyc"))


@pytest.mark.filterwarnings("ignore")
def test_every_real_file_gives_a_result_or_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    results = {}
    for path in real_files():
        try:
            results[path.name] = load_radiograph(path)
        except errors.RadiographError:
            continue
    captured = capsys.readouterr()
    assert "CompressedSamples" not in captured.out + captured.err
    if "RG1_UNCR.dcm" in results:
        reference = results["RG1_UNCR.dcm"].pixels
        np.testing.assert_array_equal(results["RG1_J2KR.dcm"].pixels, reference)
        assert np.abs(results["RG1_J2KI.dcm"].pixels - reference).mean() < 0.01
        assert not {name for name in results if name.startswith(("RG3", "CT", "MR", "US", "693", "SC_rgb"))}
        assert results["RG1_UNCR.dcm"].source.age == pytest.approx(64.5, abs=0.1)


@pytest.mark.data
def test_shared_files(data: Path) -> None:
    for name, view in (("chest_pa_dx.dcm", "PA"), ("chest_ap_dx.dcm", "AP"), ("nih_dx.dcm", "")):
        result = load_radiograph(data / "dicom" / name)
        assert result.dicom is not None
        assert result.dicom.facts.view == view
        assert result.source.age in (58, 81)
    with pytest.raises(errors.DicomModality, match="CT"):
        load_radiograph(data / "dicom" / "labelled_ct.dcm")


def test_picture_in_a_dicom_file_equals_the_picture() -> None:
    png = io.BytesIO()
    dataset = dicom(8)
    Image.fromarray(stored(dataset)).save(png, "PNG")
    np.testing.assert_allclose(shown(dataset), load_radiograph(png.getvalue()).pixels, atol=1e-6)

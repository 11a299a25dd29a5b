"""DICOM files: what is read, what is refused and why, and that nothing else comes of a bad one."""

from __future__ import annotations

import importlib.metadata
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom.data
import pytest
from PIL import Image
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence

from pulmoscan import errors, screening
from pulmoscan.dicom import Lut, Window
from pulmoscan.radiograph import Radiograph, load_radiograph
from pulmoscan.samples import gallery
from pulmoscan.screening import operating_point
from tests.dicoms import LOSSLESS, LOSSY, can_encode, dicom, encode, save, stored
from tests.pictures import chest

SYNTAX_NAMES = {syntax: syntax.name for syntax in (*LOSSLESS, *LOSSY)}


def load(dataset: Dataset) -> Radiograph:
    return load_radiograph(save(dataset), "chest.dcm")


def shown(dataset: Dataset) -> Any:
    return load(dataset).pixels


# Encodings


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("syntax", LOSSLESS, ids=SYNTAX_NAMES.get)
def test_lossless_encodings_decode_alike(syntax: uid.UID, bits: int, tmp_path: Path) -> None:
    if not can_encode(syntax):
        pytest.skip("dcmtk is not installed")
    dataset = dicom(bits)
    result = load_radiograph(encode(dataset, syntax, tmp_path))
    assert result.dicom is not None
    assert result.dicom.facts.transfer_syntax == syntax.name
    np.testing.assert_array_equal(result.pixels, shown(dataset))
    np.testing.assert_allclose(result.pixels, chest(), atol=1 / (2**bits - 1))


@pytest.mark.weights
@pytest.mark.parametrize("syntax", LOSSY, ids=SYNTAX_NAMES.get)
def test_lossy_encodings_score_alike(syntax: uid.UID, tmp_path: Path) -> None:
    if not can_encode(syntax):
        pytest.skip("dcmtk is not installed")
    picture = load_radiograph(gallery()[-1].path).pixels  # one that the gate lets through
    dataset = dicom(8 if syntax == uid.JPEGBaseline8Bit else 12, picture=picture)
    whole, lossy = load(dataset), load_radiograph(encode(dataset, syntax, tmp_path))
    assert not np.array_equal(whole.pixels, lossy.pixels)
    before, after = (screening.read(r, "resnet18").probability for r in (whole, lossy))
    assert abs(before - after) <= 0.02


@pytest.mark.usefixtures("models")
def test_depths_and_photometric_interpretations_score_alike() -> None:
    probabilities = {}
    for bits in (8, 10, 12, 16):
        for photometric in ("MONOCHROME1", "MONOCHROME2"):
            picture = chest(400, 500)
            grey = 1 - picture if photometric == "MONOCHROME1" else picture
            dataset = dicom(bits, picture=grey, PhotometricInterpretation=photometric)
            probabilities[bits, photometric] = screening.read(load(dataset), "resnet18").probability
    assert np.ptp(list(probabilities.values())) <= 0.01


def test_sixteen_bits_keep_their_depth() -> None:
    result = load(dicom(16, 300, 300))
    assert len(np.unique(result.pixels)) > 5000
    assert result.source.bits == 16


@pytest.mark.parametrize("syntax", [uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian])
@pytest.mark.parametrize("meta", [True, False])
def test_without_preamble_or_file_meta(syntax: uid.UID, meta: bool) -> None:
    dataset = dicom()
    data = save(dataset, syntax)[132:]
    if not meta:
        data = data[12 + int.from_bytes(data[8:12], "little") :]
    result = load_radiograph(data)
    assert result.dicom is not None
    assert result.dicom.facts.transfer_syntax == syntax.name
    np.testing.assert_array_equal(result.pixels, shown(dataset))
    np.testing.assert_array_equal(load_radiograph(b"DICM" + save(dataset, syntax)[132:]).pixels, shown(dataset))


def test_without_file_meta_big_endian() -> None:
    data = save(dicom(), uid.ExplicitVRBigEndian)
    start = 132 + 12 + int.from_bytes(data[140:144], "little")
    np.testing.assert_array_equal(load_radiograph(data[start:]).pixels, shown(dicom()))


def test_encoding_that_no_one_reads_is_named() -> None:
    dataset = dicom()
    data = save(dataset).replace(uid.ExplicitVRLittleEndian.encode() + b"\0", b"1.2.840.10008.1.2.9\0", 1)
    with pytest.raises(errors.DicomEncoding):
        load_radiograph(data)


# Grey values


def window(centre: float, width: float, function: str = "LINEAR") -> dict[str, Any]:
    return {"WindowCenter": centre, "WindowWidth": width, "VOILUTFunction": function}


def test_window_is_the_standards_formula() -> None:
    """PS3.3 C.11.2.1.2.1: from c - 0.5 - (w-1)/2 to c - 0.5 + (w-1)/2."""
    dataset = dicom(12, **window(2048, 1001))
    x = stored(dataset).astype(float)
    np.testing.assert_allclose(shown(dataset), np.clip((x - 2047.5) / 1000 + 0.5, 0, 1), atol=1e-6)
    exact = dicom(12, **window(2048, 1000, "LINEAR_EXACT"))
    np.testing.assert_allclose(shown(exact), np.clip((x - 2048) / 1000 + 0.5, 0, 1), atol=1e-6)
    sigmoid = dicom(12, **window(2048, 1000, "SIGMOID"))
    np.testing.assert_allclose(shown(sigmoid), 1 / (1 + np.exp(-4 * (x - 2048) / 1000)), atol=1e-6)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_monochrome1_is_inverted_after_windowing(function: str) -> None:
    bright = dicom(12, **window(1800, 1500, function))
    dark = dicom(12, PhotometricInterpretation="MONOCHROME1", **window(1800, 1500, function))
    np.testing.assert_allclose(shown(dark), 1 - shown(bright), atol=1e-6)
    both = dicom(12, PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="INVERSE")
    np.testing.assert_allclose(shown(both), 1 - chest(), atol=1e-3)  # two words for the same thing
    inverse = dicom(12, PresentationLUTShape="INVERSE")
    np.testing.assert_allclose(shown(inverse), 1 - chest(), atol=1e-3)
    np.testing.assert_allclose(shown(dicom(12, PresentationLUTShape="IDENTITY")), chest(), atol=1e-3)


def test_rescale_goes_before_the_window() -> None:
    rescaled = dicom(12, RescaleSlope=2, RescaleIntercept=-1000, **window(2 * 2048 - 1000, 2001))
    np.testing.assert_allclose(shown(rescaled), shown(dicom(12, **window(2048, 1001))), atol=1e-3)


def test_signed_values() -> None:
    dataset = dicom(12)
    signed = stored(dataset).astype(np.int16) - 2048
    dataset.PixelRepresentation, dataset.PixelData = 1, signed.tobytes()
    np.testing.assert_allclose(shown(dataset), chest(), atol=1e-3)


def lut(entries: Any, first: int = 0, bits: int = 12, kind: str = "OW", **more: Any) -> Sequence:
    item = Dataset()
    item.LUTDescriptor = [len(entries) % 2**16, first, bits]
    numbers = [int(v) for v in entries]
    item.add_new("LUTData", kind, np.array(numbers, "<u2").tobytes() if kind == "OW" else numbers)
    for keyword, value in more.items():
        setattr(item, keyword, value)
    return Sequence([item])


@pytest.mark.parametrize("kind", ["OW", "US"])
def test_voi_lut_goes_before_windows_and_keeps_odd_depths(kind: str) -> None:
    squared = np.round((np.arange(4096) / 4095) ** 2 * 4095)
    dataset = dicom(12, VOILUTSequence=lut(squared, kind=kind, LUTExplanation="contrasty"), **window(100, 50))
    result = load(dataset)
    np.testing.assert_allclose(result.pixels, chest() ** 2, atol=2e-3)
    assert result.dicom is not None
    assert [voi.name for voi in result.dicom.view.vois] == ["contrasty", "Window 1", "Whole range"]
    assert isinstance(result.dicom.view.vois[0], Lut)


def test_lut_that_begins_above_zero_holds_its_ends() -> None:
    dataset = dicom(12, VOILUTSequence=lut([0, 4095], first=2000))
    assert set(np.unique(shown(dataset))) == {0.0, 1.0}
    np.testing.assert_array_equal(shown(dataset) == 1, stored(dataset) > 2000)


def test_modality_lut() -> None:
    falling = dicom(12, ModalityLUTSequence=lut(range(4095, -1, -1), bits=16, ModalityLUTType="US"))
    np.testing.assert_allclose(shown(falling), 1 - chest(), atol=1e-3)


def test_several_windows_the_first_by_default() -> None:
    dataset = dicom(12, WindowCenter=[2048, 900], WindowWidth=[4096, 300])
    dataset.WindowCenterWidthExplanation = ["NORMAL", "HARDER"]
    result = load(dataset)
    assert result.dicom is not None
    normal, harder, _ = result.dicom.view.vois
    assert (normal.name, harder.name) == ("NORMAL", "HARDER")
    assert isinstance(harder, Window)
    np.testing.assert_allclose(result.pixels, shown(dicom(12, **window(2048, 4096))))
    np.testing.assert_allclose(result.dicom.view.shown(harder), shown(dicom(12, **window(900, 300))), atol=1e-6)


@pytest.mark.parametrize(("centre", "width"), [(1e6, 10), (-500, 2), (2048, 0), (2048, -4)])
def test_window_that_shows_nothing_is_passed_over(centre: float, width: float) -> None:
    np.testing.assert_allclose(shown(dicom(12, **window(centre, width))), chest(), atol=1e-3)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_and_counts_for_nothing(photometric: str) -> None:
    dataset = dicom(12, PhotometricInterpretation=photometric)
    values = stored(dataset).copy()
    values = 1000 + values // 2
    values[:, :20] = 4095
    values[:, 20:30] = 4090
    dataset.PixelData, dataset.PixelPaddingValue, dataset.PixelPaddingRangeLimit = values.tobytes(), 4095, 4090
    pixels = shown(dataset)
    assert (pixels[:, :30] == 0).all()
    assert np.ptp(pixels[:, 30:]) == pytest.approx(1)


def test_overlays_are_left_out() -> None:
    dataset = dicom(12)
    plain = shown(dataset)
    dataset.add_new(0x60000010, "US", 96)
    dataset.add_new(0x60000011, "US", 128)
    dataset.add_new(0x60000100, "US", 1)
    dataset.add_new(0x60003000, "OW", bytes([255]) * (96 * 128 // 8))
    np.testing.assert_array_equal(shown(dataset), plain)
    dataset.add_new(0x60000100, "US", 16)  # kept in the bits that the grey values leave free
    dataset.PixelData = (stored(dataset) | np.uint16(0x8000)).tobytes()
    np.testing.assert_array_equal(shown(dataset), plain)


@pytest.mark.parametrize(("ratio", "shape"), [([1, 1], (96, 128)), ([2, 1], (96, 64)), ([3, 4], (72, 128))])
def test_pixels_become_square(ratio: list[int], shape: tuple[int, int]) -> None:
    assert shown(dicom(12, PixelAspectRatio=ratio)).shape == shape
    assert shown(dicom(12, PixelSpacing=[0.1 * ratio[0], 0.1 * ratio[1]])).shape == shape


# Facts


def test_facts() -> None:
    result = load(dicom(12, ImageLaterality="U"))
    assert result.dicom is not None
    facts = result.dicom.facts
    assert (facts.modality, facts.view, facts.sex, facts.body_part) == ("DX", "PA", "female", "CHEST")
    assert (facts.study_date, facts.laterality, facts.photometric) == ("2024-02-03", "unpaired", "MONOCHROME2")
    assert dict(facts.identity.rows())["Name"] == "Doe Jane"
    assert (result.source.format, result.source.bits, result.source.age) == ("DICOM", 12, 34)
    assert "PixelData" not in result.dicom.header
    assert result.dicom.warnings == ()


@pytest.mark.parametrize(
    ("elements", "age"),
    [
        ({"PatientAge": "003Y"}, 3),
        ({"PatientAge": "58"}, 58),
        ({"PatientAge": "018M"}, 1.5),
        ({"PatientAge": "010D"}, 10 / 365.2425),
        ({"PatientAge": "", "PatientBirthDate": "20200203"}, 4),
        ({"PatientAge": "", "PatientBirthDate": "20250101"}, None),
        ({"PatientAge": "", "PatientBirthDate": "unknown"}, None),
        ({"PatientAge": "900Y"}, None),
        ({"PatientAge": "", "PatientBirthDate": ""}, None),
    ],
)
def test_age(elements: dict[str, Any], age: float | None) -> None:
    result = load(dicom(12, **elements)).source.age
    assert result == (None if age is None else pytest.approx(age, abs=0.01))


@pytest.mark.usefixtures("models")
def test_age_chooses_the_population() -> None:
    for age, population in (("004Y", "child"), ("050Y", "adult")):
        reading = screening.read(load(dicom(12, PatientAge=age)), "resnet18")
        assert operating_point(reading.card, "auto", reading.age).population == population


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({"SOPClassUID": uid.SecondaryCaptureImageStorage}, "secondary capture"),
        ({"Modality": "OT"}, "secondary capture"),
        ({"BurnedInAnnotation": "YES"}, "burnt"),
        ({"ViewPosition": ""}, "from where it was taken"),
        ({"PatientOrientation": ["R", "F"]}, "orientation R and F"),
    ],
)
def test_doubts_become_warnings(elements: dict[str, Any], expected: str) -> None:
    outcome = screening.screen(load(dicom(12, **elements)), "resnet18")
    assert any(expected in warning for warning in outcome.warnings)


def test_identity_is_in_no_representation() -> None:
    result = load(dicom())
    assert result.dicom is not None
    for text in (repr(result.dicom), repr(result.dicom.facts), repr(result.dicom.facts.identity)):
        assert "Doe" not in text
        assert "4711" not in text


# Refusals


@pytest.mark.parametrize(
    ("elements", "error", "said"),
    [
        ({"Modality": "CT"}, errors.DicomModality, "CT"),
        ({"Modality": "MR"}, errors.DicomModality, "MR"),
        ({"Modality": "US"}, errors.DicomModality, "US"),
        ({"Modality": "MG"}, errors.DicomModality, "MG"),
        ({"Modality": "", "SOPClassUID": uid.CTImageStorage}, errors.DicomModality, "CT"),
        ({"BodyPartExamined": "HAND"}, errors.DicomBodyPart, "HAND"),
        ({"ViewPosition": "LL"}, errors.DicomView, "LL"),
        ({"ViewPosition": "LATERAL"}, errors.DicomView, "LATERAL"),
        ({"ViewPosition": "RLO"}, errors.DicomView, "RLO"),
        ({"NumberOfFrames": 2}, errors.AnimatedImage, "2 frames"),
        ({"PhotometricInterpretation": "RGB"}, errors.DicomColour, "RGB"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, errors.DicomColour, "PALETTE"),
        ({"PixelData": None}, errors.DicomWithoutPixels, "no image"),
        ({"PresentationIntentType": "FOR PROCESSING"}, errors.DicomForProcessing, "raw"),
        ({"SOPClassUID": uid.DigitalXRayImageStorageForProcessing}, errors.DicomForProcessing, "raw"),
        ({"PixelAspectRatio": [10, 1]}, errors.ImageTooSmall, "13"),
    ],
)
def test_refused_with_the_reason(elements: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said) as raised:
        load(dicom(12, **elements))
    assert isinstance(raised.value, errors.UnsuitableRadiograph)


def test_lateral_view_by_its_code() -> None:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "399067008", "SCT", "lateral projection"
    with pytest.raises(errors.DicomView, match="LATERAL"):
        load(dicom(12, ViewPosition=None, ViewCodeSequence=Sequence([item])))


def test_blank() -> None:
    with pytest.raises(errors.BlankImage):
        load(dicom(12, picture=np.full((96, 128), 0.5)))


@pytest.mark.parametrize("part", ["CHEST", "THORAX", "Chest PA", "PORT CHEST", "UNKNOWN", ""])
@pytest.mark.parametrize("view", ["PA", "AP", "AP SUPINE", "UNKNOWN", ""])
def test_chests_by_other_names_are_taken(part: str, view: str) -> None:
    load(dicom(8, BodyPartExamined=part, ViewPosition=view))


# Damage and attacks


@pytest.mark.parametrize(
    "elements",
    [
        {"Rows": None},
        {"Rows": 200},
        {"BitsAllocated": 7},
        {"BitsStored": None},
        {"NumberOfFrames": "1A"},
        {"PixelData": b"\0\0"},
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_contradictions_are_damage(elements: dict[str, Any]) -> None:
    dataset = dicom(12)
    if elements.get("NumberOfFrames"):
        dataset.add_new(0x00280008, "LO", "1A")
        elements = {}
    for keyword, value in elements.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    with pytest.raises(errors.DamagedDicom):
        load(dataset)


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


def test_deflated_file_that_unpacks_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulmoscan.dicom.reading.MAX_INFLATED_BYTES", 2**20)
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

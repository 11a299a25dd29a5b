"""What the pixels of a DICOM file become: encodings, windows and tables, padding, shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pulmoscan import errors, screening
from pulmoscan.gallery.samples import gallery
from pulmoscan.reading.dicom import Lut, Window
from pulmoscan.reading.radiograph import load_radiograph
from tests.dicoms import LOSSLESS, LOSSY, can_encode, dicom, encode, load, save, shown, stored
from tests.pictures import chest

SYNTAX_NAMES = {syntax: syntax.name for syntax in (*LOSSLESS, *LOSSY)}


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


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_part_of_a_window(photometric: str, function: str) -> None:
    """As the shown picture's greys say; of a linear window beyond its ends too, from the file's own values."""
    elements: dict[str, Any] = {"VOILUTFunction": function, "PhotometricInterpretation": photometric}
    view = load(dicom(12, WindowCenter=2000, WindowWidth=1000, **elements)).dicom.view  # type: ignore[union-attr]
    shown = view.shown()
    np.testing.assert_allclose(view.part(0, 1), shown, atol=1e-5)
    np.testing.assert_allclose(view.part(0.25, 0.5), np.clip((shown - 0.25) / 0.25, 0, 1), atol=1e-4)
    assert ((shown == 0).mean() > 0.05) == (function != "SIGMOID")
    if function != "SIGMOID":
        assert (view.part(-1, 2) == 0).mean() < (shown == 0).mean() / 2, "what was clipped"


def test_values_are_kept_whole_and_compactly() -> None:
    """At the picture's own size and to the bit, in 16 bits where they are whole numbers."""
    for elements, kind in (({}, np.uint16), ({"RescaleIntercept": -1024, "RescaleSlope": 1}, np.int16),
                           ({"RescaleIntercept": 0, "RescaleSlope": 0.3}, np.float32)):  # fmt: skip
        result = load(dicom(12, 1500, 80, **elements))
        assert result.dicom is not None
        assert result.dicom.view.values.dtype == kind
        np.testing.assert_array_equal(result.dicom.view.shown(), result.pixels)


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

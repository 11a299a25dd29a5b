"""JPEG by imagecodecs: sizes from the header alone, signed values, and no other plugin asked."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import uid
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels.decoders.base import get_decoder

from pulmoscan.reading.dicom import jpeg
from pulmoscan.reading.radiograph import load_radiograph
from tests.dicoms import DCMTK, can_encode, dicom, encode, stored

SYNTAXES = (uid.JPEGBaseline8Bit, *DCMTK, uid.JPEGLSLossless)


@pytest.fixture(params=SYNTAXES, ids=lambda syntax: str(syntax.keyword))
def codestream(request: pytest.FixtureRequest, tmp_path: Path) -> bytes:
    """A picture of 70 rows and 90 columns in each kind of JPEG."""
    if not can_encode(request.param):
        pytest.skip("dcmtk is not installed")
    bits = 8 if request.param == uid.JPEGBaseline8Bit else 12
    data = pydicom.dcmread(io.BytesIO(encode(dicom(bits, 70, 90), request.param, tmp_path)))
    return get_frame(data.PixelData, 0, number_of_frames=1)


def test_size_and_end_of_a_codestream(codestream: bytes) -> None:
    assert jpeg.frame_size(codestream) == (70, 90)
    # A comment and fill bytes may stand before the frame's header (ITU-T T.81 B.1.1.2, B.2.4.5).
    comment = b"\xff\xff\xff\xfe\x00\x0b\xff\xc0fooled?"
    assert jpeg.frame_size(codestream[:2] + comment + codestream[2:]) == (70, 90)
    assert jpeg.is_whole(codestream)
    assert jpeg.is_whole(codestream.rstrip(b"\0") + b"\xff\0\0")
    assert not jpeg.is_whole(codestream[: len(codestream) // 2])


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xda" + bytes(20), b"\xff\xd8 no JPEG at all"])
def test_codestream_without_a_header(data: bytes) -> None:
    with pytest.raises(ValueError, match="header"):
        jpeg.frame_size(data)


@pytest.mark.skipif(not can_encode(uid.JPEGLosslessSV1), reason="dcmtk is not installed")
def test_signed_values_survive_lossless_jpeg(tmp_path: Path) -> None:
    dataset = dicom(12)
    signed = stored(dataset).astype(np.int16) - 2048
    dataset.PixelRepresentation, dataset.PixelData = 1, signed.tobytes()
    dataset.BitsStored, dataset.HighBit = 16, 15
    data = encode(dataset, uid.JPEGLosslessSV1, tmp_path)
    np.testing.assert_array_equal(pydicom.dcmread(io.BytesIO(data)).pixel_array, signed)
    plain = load_radiograph(encode(dataset, uid.ExplicitVRLittleEndian, tmp_path))
    np.testing.assert_array_equal(load_radiograph(data).pixels, plain.pixels)


def test_values_wider_than_the_header_allocates_are_damage(tmp_path: Path) -> None:
    if not can_encode(uid.JPEGLossless):
        pytest.skip("dcmtk is not installed")
    wide = pydicom.dcmread(io.BytesIO(encode(dicom(12), uid.JPEGLossless, tmp_path)))
    wide.PixelData = encapsulate([get_frame(wide.PixelData, 0, number_of_frames=1)])
    wide.BitsAllocated, wide.BitsStored, wide.HighBit = 8, 8, 7
    with pytest.raises(RuntimeError, match="8 are allocated"):
        get_decoder(uid.JPEGLossless).as_array(wide, decoding_plugin=jpeg.PLUGIN)


@pytest.mark.parametrize("syntax", [uid.JPEGBaseline8Bit, *DCMTK], ids=lambda syntax: str(syntax.keyword))
def test_jpeg_is_decoded_here_whatever_else_is_installed(
    syntax: uid.UID, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An environment may still hold the decoder under the GPL: it is not asked."""
    if not can_encode(syntax):
        pytest.skip("dcmtk is not installed")
    data = encode(dicom(8 if syntax == uid.JPEGBaseline8Bit else 12), syntax, tmp_path)
    decoder = get_decoder(syntax)
    assert jpeg.PLUGIN in decoder.available_plugins
    monkeypatch.setattr(decoder, "_available", {jpeg.PLUGIN: decoder._available[jpeg.PLUGIN]})
    load_radiograph(data)

"""Bombs: small files that promise, or would become, more than there is memory or time for. Each is refused early."""

from __future__ import annotations

import io
import struct
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import uid
from pydicom.encaps import encapsulate

from pulmoscan import errors
from pulmoscan.reading.dicom import jpeg2000
from pulmoscan.reading.radiograph import load_radiograph
from tests.dicoms import dicom, encode, load, save
from tests.pictures import encode as encode_picture
from tests.pictures import grey8, png_bomb, tiff

SECONDS = 10
MEMORY = 200 * 2**20


@pytest.fixture(autouse=True)
def _within_limits() -> Iterator[None]:
    tracemalloc.start()
    began = time.process_time()
    yield
    assert time.process_time() - began < SECONDS
    assert tracemalloc.get_traced_memory()[1] < MEMORY
    tracemalloc.stop()


def nested(depth: int) -> bytes:
    """A DICOM file whose header nests that many sequences of undefined length."""
    whole = save(dicom())
    at = whole.index(b"\x08\x00\x50\x00SH")
    opened = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    closed = b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    return whole[:at] + opened * depth + closed * depth + whole[at:]


@pytest.mark.parametrize("depth", [1, 20])
def test_sequences_in_sequences_are_read(depth: int) -> None:
    assert load_radiograph(nested(depth)).height == 96


@pytest.mark.parametrize("depth", [2_000, 100_000])
def test_sequences_without_end_are_a_reason(depth: int) -> None:
    with pytest.raises(errors.RadiographError):
        load_radiograph(nested(depth))


@pytest.mark.parametrize(("rows", "columns"), [(65_535, 65_535), (65_535, 800), (7_100, 7_100)])
@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.RLELossless, uid.JPEG2000Lossless])
def test_more_pixels_than_the_limit(rows: int, columns: int, syntax: uid.UID, tmp_path: Path) -> None:
    dataset = pydicom.dcmread(io.BytesIO(encode(dicom(12), syntax, tmp_path)))
    dataset.Rows, dataset.Columns = rows, columns
    file = io.BytesIO()
    dataset.save_as(file)
    with pytest.raises(errors.ImageTooLarge):
        load_radiograph(file.getvalue())


def test_more_pixels_than_the_limit_in_a_picture() -> None:
    wide = tiff(np.zeros((64, 64), np.uint8))
    at = wide.index(struct.pack("<HHI", 256, 3, 1)) + 8
    wide = wide[:at] + struct.pack("<H", 65_535) + wide[at + 2 :]
    at = wide.index(struct.pack("<HHI", 257, 3, 1)) + 8
    wide = wide[:at] + struct.pack("<H", 65_535) + wide[at + 2 :]
    for data in (png_bomb(65_535, 65_535), wide):
        with pytest.raises(errors.ImageTooLarge):
            load_radiograph(data)


def deflated(plain: bytes, group_length: int | None = None) -> bytes:
    """A deflated DICOM file of any content; its file meta may lie about its own length."""
    whole = save(dicom(8), uid.DeflatedExplicitVRLittleEndian)
    end = 144 + int.from_bytes(whole[140:144], "little")
    stated = whole[140:144] if group_length is None else struct.pack("<I", group_length)
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return whole[:140] + stated + whole[144:end] + packer.compress(plain) + packer.flush()


@pytest.mark.parametrize("group_length", [None, 0, 30, 2**31])
def test_deflated_data_that_unpack_without_end(group_length: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulmoscan.reading.dicom.reading.MAX_INFLATED_BYTES", 2**20)
    monkeypatch.setattr("pydicom.filereader.zlib.decompress", lambda *_: pytest.fail("unpacked without a limit"))
    with pytest.raises((errors.ImageTooLarge, errors.DamagedDicom)):
        load_radiograph(deflated(bytes(30 * 2**20), group_length))


def test_tiles_that_a_codestream_may_have(tmp_path: Path) -> None:
    dataset = pydicom.dcmread(io.BytesIO(encode(dicom(12), uid.JPEG2000Lossless, tmp_path)))
    frame = next(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1))
    assert jpeg2000.is_reasonable(frame)
    size = frame.index(b"\xff\x51") + 6
    for offset, number in ((16, 1), (20, 0), (24, 2**32 - 1)):
        absurd = bytearray(frame)
        struct.pack_into(">I", absurd, size + offset, number)
        if offset == 16:
            struct.pack_into(">I", absurd, size + 20, number)  # 1 × 1 pixel a tile
        assert not jpeg2000.is_reasonable(bytes(absurd))
        dataset.PixelData = encapsulate([bytes(absurd)])
        dataset["PixelData"].is_undefined_length = True
        file = io.BytesIO()
        dataset.save_as(file)
        with pytest.raises(errors.DamagedDicom):
            load_radiograph(file.getvalue())
    assert not jpeg2000.is_reasonable(frame[:20])
    assert not jpeg2000.is_reasonable(b"")


def test_a_header_of_many_elements() -> None:
    dataset = dicom()
    for element in range(20_000):
        dataset.add_new((0x0009, 0x1000 + element % 0xF00), "LO", "x")
    assert load(dataset).height == 96


def test_values_of_enormous_length() -> None:
    whole = save(dicom())
    at = whole.index(b"\x10\x00\x10\x00PN") + 6
    with pytest.raises(errors.RadiographError):
        load_radiograph(whole[:at] + b"\xff\xff" + whole[at + 2 :])


def test_a_header_that_promises_thousands_of_millions_of_frames() -> None:
    """Found by fuzzing."""
    picture = encode_picture(grey8(), "PNG")
    content = b"acTL" + struct.pack(">II", 2**31 - 1, 0)
    chunk = struct.pack(">I", 8) + content + struct.pack(">I", zlib.crc32(content))
    with pytest.raises(errors.RadiographError):
        load_radiograph(picture[:33] + chunk + picture[33:])

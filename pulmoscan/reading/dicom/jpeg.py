"""JPEG in DICOM files, decoded by libjpeg-turbo through imagecodecs: a plugin for pydicom's decoders.

pydicom's own plugins read JPEG of 12 bits, and lossless JPEG, by way of a library under the GPL, or not at all.
"""

from __future__ import annotations

import struct

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom import uid
from pydicom.pixels.decoders import (  # type: ignore[attr-defined]  # it states no __all__
    JPEGBaseline8BitDecoder,
    JPEGExtended12BitDecoder,
    JPEGLosslessDecoder,
    JPEGLosslessSV1Decoder,
)
from pydicom.pixels.decoders.base import DecodeRunner

PLUGIN = "imagecodecs"
DECODERS = (JPEGBaseline8BitDecoder, JPEGExtended12BitDecoder, JPEGLosslessDecoder, JPEGLosslessSV1Decoder)
DECODER_DEPENDENCIES = {uid.UID(decoder.UID): ("imagecodecs>=2025.3.30",) for decoder in DECODERS}

START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
"""Markers of a frame's header (ITU-T T.81 B.1.1.3), and that of JPEG-LS (ITU-T T.87 C.1.1)."""
WITHOUT_LENGTH = frozenset(range(0xD0, 0xD9)) | {0x01}
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9


def is_available(syntax: str) -> bool:
    """pydicom asks this of every plugin."""
    return syntax in DECODER_DEPENDENCIES


def decode_frame(data: bytes, runner: DecodeRunner) -> bytes:
    """pydicom's call of the plugin: a codestream -> its values, row by row, as wide as the header says.

    Raises:
        ValueError: values that need more bits than the header allocates.
        imagecodecs.Jpeg8Error: a damaged codestream.
    """
    values: NDArray[np.unsignedinteger] = imagecodecs.jpeg8_decode(data)
    if values.dtype.itemsize * 8 > runner.bits_allocated:
        raise ValueError(f"{values.dtype.itemsize * 8} bits where {runner.bits_allocated} are allocated")
    return values.astype(f"<u{runner.bits_allocated // 8}").tobytes()


def frame_size(data: bytes) -> tuple[int, int]:
    """Rows and columns by a JPEG or JPEG-LS codestream's own header (ITU-T T.81 B.2.2), without decoding it.

    Raises:
        ValueError: there is no such header before the first scan.
    """
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in WITHOUT_LENGTH:
            at += 2
        elif marker in START_OF_FRAME:
            rows, columns = struct.unpack_from(">HH", data, at + 5)
            return rows, columns
        elif marker in (START_OF_SCAN, END_OF_IMAGE):
            break
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    raise ValueError("no frame header")


def is_whole(data: bytes) -> bool:
    """Whether a JPEG or JPEG-LS codestream has its end. Of one that was cut, decoders fill the rest with grey."""
    return data.rstrip(b"\x00\xff").endswith(b"\xff\xd9")  # what follows is padding


for decoder in DECODERS:
    if PLUGIN not in decoder.available_plugins:  # Streamlit imports changed modules anew
        decoder.add_plugin(PLUGIN, (__name__, decode_frame.__name__))

"""Made-up radiographs and the files that hold them."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def chest(height: int = 96, width: int = 128, seed: int = 0) -> NDArray[np.float64]:
    """A smooth picture in [0, 1], alike at every size: two dark lungs, a bright heart, a few opacities."""
    y, x = np.meshgrid((np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width, indexing="ij")
    rng = np.random.default_rng(seed)

    def blob(cx: float, cy: float, rx: float, ry: float) -> NDArray[np.float64]:
        return np.exp(-(((x - cx) / rx) ** 2) - ((y - cy) / ry) ** 2)

    picture = (
        0.75 - 0.5 * blob(0.3, 0.45, 0.14, 0.28) - 0.5 * blob(0.7, 0.45, 0.14, 0.28) + 0.2 * blob(0.55, 0.6, 0.1, 0.2)
    )
    for _ in range(4):
        cx, cy = rng.uniform(0.2, 0.8, 2)
        picture = picture + 0.2 * blob(cx, cy, *rng.uniform(0.04, 0.12, 2))
    picture = picture + 0.03 * np.sin(40 * y + 6 * x)  # ribs
    return (picture - picture.min()) / (picture.max() - picture.min())


def grey8(height: int = 96, width: int = 128, seed: int = 0) -> NDArray[np.uint8]:
    """`chest` as 8-bit values."""
    return np.round(chest(height, width, seed) * 255).astype(np.uint8)


def grey16(bits: int = 16, height: int = 96, width: int = 128) -> NDArray[np.uint16]:
    """`chest` as values of that many bits."""
    return np.round(chest(height, width) * (2**bits - 1)).astype(np.uint16)


def encode(picture: NDArray[Any] | Image.Image, file_format: str, **options: Any) -> bytes:
    """The picture as a file, by Pillow."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def tiff(values: NDArray[Any], order: Literal["<", ">"] = "<", white_is_zero: bool = False) -> bytes:
    """An uncompressed one-strip TIFF, written by hand: Pillow chooses byte order and photometric interpretation."""
    height, width = values.shape
    pixels = values.astype(values.dtype.newbyteorder(order)).tobytes()
    short, long = 3, 4
    tags = [
        (256, short, width),
        (257, short, height),
        (258, short, 8 * values.itemsize),
        (259, short, 1),  # no compression
        (262, short, 0 if white_is_zero else 1),
        (273, long, 8),  # the strip follows the header
        (277, short, 1),
        (278, short, height),
        (279, long, len(pixels)),
        (339, short, 3 if values.dtype.kind == "f" else 1),
    ]
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8 + len(pixels))
    directory = struct.pack(order + "H", len(tags))
    for tag, kind, value in tags:
        packed = struct.pack(order + ("HH" if kind == short else "I"), *((value, 0) if kind == short else (value,)))
        directory += struct.pack(order + "HHI", tag, kind, 1) + packed
    return header + pixels + directory + struct.pack(order + "I", 0)


def png_bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes whose header promises far more pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    )

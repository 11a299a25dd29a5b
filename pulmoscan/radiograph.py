"""Bytes or a path -> `Radiograph`: PNG, JPEG, TIFF, BMP and WebP, within limits, upright, grey."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from pulmoscan import errors

MAX_FILE_BYTES = 100 * 2**20
MAX_PIXELS = 50_000_000
MIN_SIDE = 64

FORMATS = ("PNG", "JPEG", "MPO", "TIFF", "BMP", "WEBP")  # MPO: a JPEG with further pictures behind it
FORMAT_NAMES = "PNG, JPEG, TIFF, BMP, WebP"
FILE_EXTENSIONS = ("png", "jpg", "jpeg", "tif", "tiff", "bmp", "webp")

TIFF_PHOTOMETRIC = 262  # TIFF 6.0, section 8
WHITE_IS_ZERO = 0


@dataclass(frozen=True)
class Source:
    """What is known of the file that a radiograph came from."""

    name: str
    format: str  # as Pillow names it
    mode: str  # Pillow's mode before conversion: L, I;16, RGB, …
    bits: int  # significant bits of a grey value
    sha256: str  # of the file's bytes
    age: float | None = None  # of the patient in years, where the file tells


@dataclass(frozen=True, eq=False)
class Radiograph:
    """A decoded radiograph.

    Attributes:
        pixels: float32 [H, W] in [0, 1], 0 black; read-only.
        source: where it came from.
    """

    pixels: NDArray[np.float32]
    source: Source

    @property
    def height(self) -> int:
        return self.pixels.shape[0]

    @property
    def width(self) -> int:
        return self.pixels.shape[1]

    @property
    def key(self) -> str:
        """Identifies the pixels: equal for equal file contents."""
        return self.source.sha256


def load_radiograph(source: bytes | str | Path, name: str = "") -> Radiograph:
    """Decode a file's bytes, or the file at a path.

    EXIF orientation is applied, colour becomes luminance (ITU-R 601), transparency is laid over black, and more than
    8 bits are kept. Values are divided by the largest that the significant bits allow (see `_significant_bits`).

    Args:
        source: the file's contents, or its path.
        name: shown to the user; a path's own name by default.

    Raises:
        RadiographError: one of its kinds, with a message for a person.
    """
    if not isinstance(source, bytes):
        path = Path(source)
        return load_radiograph(_read(path), name or path.name)
    if not source:
        raise errors.EmptyFile
    if len(source) > MAX_FILE_BYTES:
        raise errors.FileTooLarge(len(source), MAX_FILE_BYTES)
    if source[128:132] == b"DICM":
        raise errors.DicomNotSupported
    image = _open(source)
    grey, bits = _grey(_decode(image))
    if grey.min() == grey.max():
        raise errors.BlankImage
    grey.flags.writeable = False
    return Radiograph(
        pixels=grey,
        source=Source(
            name=name,
            format=image.format or "",
            mode=image.mode,
            bits=bits,
            sha256=hashlib.sha256(source).hexdigest(),
        ),
    )


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise errors.FileTooLarge(size, MAX_FILE_BYTES)
        return path.read_bytes()
    except OSError as error:
        raise errors.FileNotReadable(path, error.strerror or type(error).__name__) from error


def _open(data: bytes) -> Image.Image:
    """Read the header and check the limits before anything is unpacked."""
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise errors.ImageTooLarge(MAX_PIXELS) from error
    except Image.UnidentifiedImageError as error:
        raise errors.UnsupportedFormat(FORMAT_NAMES) from error
    except Exception as error:  # decoders raise what they like on damaged files
        raise errors.DamagedImage from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise errors.ImageTooLarge(MAX_PIXELS)
    if min(width, height) < MIN_SIDE:
        raise errors.ImageTooSmall(width, height, MIN_SIDE)
    try:
        frames = getattr(image, "n_frames", 1)
    except Exception as error:
        raise errors.DamagedImage from error
    if frames > 1 and image.format != "MPO":
        raise errors.AnimatedImage(frames)
    return image


def _decode(image: Image.Image) -> Image.Image:
    try:
        image.load()
        return ImageOps.exif_transpose(image)
    except Exception as error:  # as above
        raise errors.DamagedImage from error


def _grey(image: Image.Image) -> tuple[NDArray[np.float32], int]:
    """Any Pillow mode -> float32 [H, W] in [0, 1] and the number of significant bits."""
    if image.mode.startswith("I") or image.mode == "F":
        return _deep_grey(image)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, image)
    return np.asarray(image.convert("L"), dtype=np.float32) / 255, 8


def _deep_grey(image: Image.Image) -> tuple[NDArray[np.float32], int]:
    """16-bit, 32-bit and floating-point grey."""
    values = np.asarray(image, dtype=np.float32)
    if not np.isfinite(values).all():
        raise errors.DamagedImage
    if image.mode == "F" or values.min() < 0:
        low, high = float(values.min()), float(values.max())
        grey, bits = (values - low) / max(high - low, np.finfo(np.float32).tiny), 32
    else:
        bits = _significant_bits(float(values.max()))
        grey = values / (2**bits - 1)
    if image.format == "TIFF" and getattr(image, "tag_v2", {}).get(TIFF_PHOTOMETRIC) == WHITE_IS_ZERO:
        grey = 1 - grey
    return grey.astype(np.float32), bits


def _significant_bits(largest: float) -> int:
    """Detectors fill 10, 12 or 14 of a file's 16 bits; the smallest usual depth that holds the largest value."""
    return next((bits for bits in (8, 10, 12, 14, 16) if largest < 2**bits), 32)

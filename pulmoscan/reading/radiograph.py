"""Bytes or a path -> `Radiograph`: DICOM, PNG, JPEG, TIFF, BMP and WebP, within limits, upright, grey."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from pulmoscan import errors
from pulmoscan.reading.depth import depth
from pulmoscan.reading.limits import MAX_PIXELS
from pulmoscan.reading.recognition import is_dicom

if TYPE_CHECKING:
    from pulmoscan.reading.dicom import Dicom

MAX_FILE_BYTES = 100 * 2**20
MIN_SIDE = 64
CHROMA_SAMPLE = 160  # pixels a side that colour is judged on

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
FORMAT_NAMES = "DICOM, PNG, JPEG, TIFF, BMP, WebP"
FILE_EXTENSIONS = ("dcm", "dicom", "png", "jpg", "jpeg", "tif", "tiff", "bmp", "webp")

TIFF_PHOTOMETRIC = 262  # TIFF 6.0, section 8
WHITE_IS_ZERO = 0
TIFF_SUBFILE_TYPE = 254  # NewSubfileType
REDUCED_COPY = 1
MAX_PAGES = 16
"""A file of more pages is no radiograph with its thumbnails; they are not looked at one by one."""

# Film digitisers write 16-bit, big-endian WhiteIsZero, the one combination that is missing from Pillow's table.
TiffImagePlugin.OPEN_INFO.setdefault((TiffImagePlugin.MM, WHITE_IS_ZERO, (1,), 1, (16,), ()), ("I;16B", "I;16B"))


@dataclass(frozen=True)
class Source:
    """What is known of the file that a radiograph came from."""

    name: str
    format: str  # as Pillow names it, or DICOM
    mode: str  # before conversion: Pillow's (L, I;16, RGB, …), or DICOM's photometric interpretation
    bits: int  # significant bits of a grey value
    sha256: str  # of the file's bytes
    age: float | None = None  # of the patient in years, where the file tells
    chroma: float = 0.0  # mean difference of a pixel's largest and smallest channel, in [0, 1]; 0 is grey
    correction: str = ""  # what was done to the picture after decoding, for the user: "turned by 180°"


@dataclass(frozen=True, eq=False)
class Radiograph:
    """A decoded radiograph.

    Attributes:
        pixels: float32 [H, W] in [0, 1], 0 black; read-only.
        source: where it came from.
        dicom: what a DICOM file holds besides; None for other files.
    """

    pixels: NDArray[np.float32]
    source: Source
    dicom: Dicom | None = None

    @property
    def height(self) -> int:
        return self.pixels.shape[0]

    @property
    def width(self) -> int:
        return self.pixels.shape[1]

    @property
    def key(self) -> str:
        """Identifies the pixels: equal for equal file contents and corrections."""
        return self.source.sha256 + self.source.correction


def load_radiograph(source: bytes | str | Path, name: str = "") -> Radiograph:
    """Decode a file's bytes, or the file at a path.

    EXIF orientation is applied, colour becomes luminance (ITU-R 601), transparency is laid over black, and more than
    8 bits are kept. Values are divided by the largest that the significant bits allow (see `reading.depth`).
    DICOM files are shown by their own first VOI transformation (see `pulmoscan.reading.dicom`).

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
    dicom, chroma = None, 0.0
    if is_dicom(source):
        from pulmoscan.reading.dicom import read_dicom

        grey, dicom = read_dicom(source)
        height, width = grey.shape
        if min(height, width) < MIN_SIDE:
            raise errors.ImageTooSmall(width, height, MIN_SIDE)
        file_format, mode, bits, age = "DICOM", dicom.facts.photometric, dicom.facts.bits, dicom.facts.age
    else:
        image = _open(source)
        grey, bits = _decode(image)
        file_format, mode, age, chroma = image.format or "", image.mode, None, _chroma(image)
    if grey.min() == grey.max():
        raise errors.BlankImage
    grey.flags.writeable = False
    sha256 = hashlib.sha256(source).hexdigest()
    return Radiograph(grey, Source(name, file_format, mode, bits, sha256, age, chroma), dicom)


def may_be_radiograph(path: Path) -> bool:
    """Whether to look at a file of a folder: by its ending; without one, as on patients' discs, by DICOM's magic."""
    ending = path.suffix.lower().lstrip(".")
    if ending in FILE_EXTENSIONS:
        return True
    if (ending and not ending.isdecimal()) or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
            size = max(len(data), path.stat().st_size)
    except (OSError, ValueError) as error:  # ValueError: a path that cannot be one
        raise errors.FileNotReadable(path, getattr(error, "strerror", None) or type(error).__name__) from error
    if size > MAX_FILE_BYTES:
        raise errors.FileTooLarge(size, MAX_FILE_BYTES)
    return data


def _open(data: bytes) -> Image.Image:
    """Read the header and check the limits before anything is unpacked."""
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise errors.ImageTooLarge(MAX_PIXELS) from error
    except UnidentifiedImageError as error:
        raise errors.UnsupportedFormat(FORMAT_NAMES) from error
    except Exception as error:  # decoders raise what they like on damaged files
        raise errors.DamagedImage from error
    try:
        pages = _pages(image)
    except Exception as error:
        raise errors.DamagedImage from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise errors.ImageTooLarge(MAX_PIXELS)
    if min(width, height) < MIN_SIDE:
        raise errors.ImageTooSmall(width, height, MIN_SIDE)
    if len(pages) > 1:
        raise errors.AnimatedImage(len(pages))
    return image


def _pages(image: Image.Image) -> list[int]:
    """The frames or pages that are pictures of their own; the image is left at the first of them.

    Raises:
        Exception: any, where a page is damaged.
    """
    frames = getattr(image, "n_frames", 1)
    if image.format == "MPO":  # phones append a preview or a depth map
        return [0]
    if image.format != "TIFF" or not 1 < frames <= MAX_PAGES:
        return list(range(frames))
    pages = []
    for page in range(frames):
        image.seek(page)
        if not getattr(image, "tag_v2", {}).get(TIFF_SUBFILE_TYPE, 0) & REDUCED_COPY:
            pages.append(page)
    pages = pages or [0]
    image.seek(pages[0])
    return pages


def _decode(image: Image.Image) -> tuple[NDArray[np.float32], int]:
    """Unpack, turn upright and make grey: float32 [H, W] in [0, 1] and the number of significant bits."""
    try:
        image.load()
        # Pillow inverts TIFFs of up to 8 bits itself.
        inverted = image.format == "TIFF" and getattr(image, "tag_v2", {}).get(TIFF_PHOTOMETRIC) == WHITE_IS_ZERO
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I") or upright.mode == "F":
            grey, bits = _deep_grey(upright)
            return (1 - grey if inverted else grey), bits
        return _shallow_grey(upright), 8
    except Exception as error:  # as above
        raise errors.DamagedImage from error


def _shallow_grey(image: Image.Image) -> NDArray[np.float32]:
    """Grey and colour of up to 8 bits a channel, with or without transparency."""
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, image)
    return np.asarray(image.convert("L"), dtype=np.float32) / np.float32(255)


def _chroma(image: Image.Image) -> float:
    """How coloured a picture is, from a sample of its pixels; 0 for grey ones."""
    if image.mode in ("1", "L", "LA", "La", "F") or image.mode.startswith("I"):
        return 0.0
    # By nearest neighbour: quick at any size, and a mean needs no filter.
    sample = image.resize((CHROMA_SAMPLE, CHROMA_SAMPLE), Image.Resampling.NEAREST).convert("RGBA")
    return float(np.ptp(np.asarray(sample, dtype=np.float32)[..., :3], axis=2).mean()) / 255


def _deep_grey(image: Image.Image) -> tuple[NDArray[np.float32], int]:
    """16-bit, 32-bit and floating-point grey; what has no natural zero is stretched to its own range."""
    values = np.asarray(image)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite((low, high)).all():  # minimum and maximum pass a NaN on
        raise ValueError("the image holds infinities or NaN")
    if image.mode == "F" or low < 0:
        stretched = (values.astype(np.float64) - low) / max(high - low, np.finfo(np.float64).tiny)
        return stretched.astype(np.float32), 32
    bits = depth(values)
    grey = np.divide(values, 2**bits - 1, dtype=np.float32)
    return np.minimum(grey, np.float32(1), out=grey), bits

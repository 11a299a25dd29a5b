"""Bytes or a path -> `Radiograph`: DICOM, PNG, JPEG, TIFF, BMP and WebP, within limits, upright, grey."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pulmoscan import errors
from pulmoscan.reading.files import read_file, shown_name
from pulmoscan.reading.picture import FORMAT_NAMES as FORMAT_NAMES
from pulmoscan.reading.picture import MIN_SIDE, Picture, decode_picture
from pulmoscan.reading.recognition import is_dicom
from pulmoscan.reading.sniff import HEAD_BYTES, is_own

if TYPE_CHECKING:
    from pulmoscan.reading.dicom import Dicom

MAX_FILE_BYTES = 100 * 2**20
FILE_EXTENSIONS = ("dcm", "dicom", "png", "jpg", "jpeg", "tif", "tiff", "bmp", "webp")


TINTED = 0.02
"""Chroma above which a picture is tinted; radiographs have none, and photographs of them the colour of the light."""
PHOTOGRAPH = (
    "This looks like a photograph of a screen or a film: reflections, tilt and the screen's own pixels can change the "
    "result. Use the file of the radiograph itself."
)


class Decoders(NamedTuple):
    """What unpacks pixels; all else is done by the caller's own process.

    Attributes:
        picture: of a picture file's bytes.
        stored: [H, W], the stored values of a DICOM file's bytes, where they are compressed.
    """

    picture: Callable[[bytes], Picture]
    stored: Callable[[bytes], NDArray[Any]]


def _stored_values(data: bytes) -> NDArray[Any]:
    from pulmoscan.reading.dicom import stored_values  # takes longer to import than to read a PNG

    return stored_values(data)


HERE = Decoders(decode_picture, _stored_values)
"""In this process."""


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
    camera: bool = False  # whether the file says that a camera took it
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
    def warnings(self) -> tuple[str, ...]:
        """Sentences on what the file says against trusting the result."""
        if self.dicom:
            return self.dicom.warnings
        return (PHOTOGRAPH,) if self.source.camera or self.source.chroma > TINTED else ()

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


def load_radiograph(source: bytes | str | Path, name: str = "", decoders: Decoders = HERE) -> Radiograph:
    """Decode a file's bytes, or the file at a path.

    EXIF orientation is applied, colour becomes luminance (ITU-R 601), transparency is laid over black, and more than
    8 bits are kept. Values are divided by the largest that the significant bits allow (see `reading.depth`).
    DICOM files are shown by their own first VOI transformation (see `pulmoscan.reading.dicom`).

    Args:
        source: the file's contents, or its path.
        name: shown to the user; a path's own name by default.
        decoders: what unpacks the pixels; see `reading.isolation` for files that may be hostile.

    Raises:
        RadiographError: one of its kinds, with a message for a person.
    """
    if not isinstance(source, bytes):
        path = Path(source)
        return load_radiograph(read_file(path, MAX_FILE_BYTES), name or shown_name(path.name), decoders)
    if not source:
        raise errors.EmptyFile
    if len(source) > MAX_FILE_BYTES:
        raise errors.FileTooLarge(len(source), MAX_FILE_BYTES)
    if is_own(source[:HEAD_BYTES]):
        raise errors.OwnOutput
    dicom, chroma, camera = None, 0.0, False
    if is_dicom(source):
        from pulmoscan.reading.dicom import read_dicom

        grey, dicom = read_dicom(source, decoders.stored)
        height, width = grey.shape
        if min(height, width) < MIN_SIDE:
            raise errors.ImageTooSmall(width, height, MIN_SIDE)
        file_format, mode, bits, age = "DICOM", dicom.facts.photometric, dicom.facts.bits, dicom.facts.age
    else:
        picture = decoders.picture(source)
        grey, bits = picture.grey()
        file_format, mode, age, chroma, camera = picture.format, picture.mode, None, picture.chroma, picture.camera
    if grey.min() == grey.max():
        raise errors.BlankImage
    grey.flags.writeable = False
    sha256 = hashlib.sha256(source).hexdigest()
    return Radiograph(grey, Source(name, file_format, mode, bits, sha256, age, chroma, camera), dicom)

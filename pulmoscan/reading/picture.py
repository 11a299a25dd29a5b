"""Bytes of a PNG, JPEG, TIFF, BMP or WebP -> `Picture`: its grey values, upright, as the file has them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from pulmoscan import errors
from pulmoscan.reading.depth import depth
from pulmoscan.reading.limits import MAX_PIXELS

MIN_SIDE = 64
CHROMA_SAMPLE = 160  # pixels a side that colour is judged on

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
FORMAT_NAMES = "DICOM, PNG, JPEG, TIFF, BMP, WebP"

TIFF_PHOTOMETRIC = 262  # TIFF 6.0, section 8
WHITE_IS_ZERO = 0
TIFF_SUBFILE_TYPE = 254  # NewSubfileType
REDUCED_COPY = 1
MAX_PAGES = 16
"""A file of more pages is no radiograph with its thumbnails; they are not looked at one by one."""

# Film digitisers write 16-bit, big-endian WhiteIsZero, the one combination that is missing from Pillow's table.
TiffImagePlugin.OPEN_INFO.setdefault((TiffImagePlugin.MM, WHITE_IS_ZERO, (1,), 1, (16,), ()), ("I;16B", "I;16B"))


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture, in as few bytes as it takes.

    Attributes:
        values: [H, W], integers or floating point.
        format: as Pillow names it.
        mode: as Pillow names it, before conversion.
        inverted: whether low values are bright.
        chroma: mean difference of a pixel's largest and smallest channel, in [0, 1].
        camera: whether the file says that a camera took it.
    """

    values: NDArray[Any]
    format: str
    mode: str
    inverted: bool
    chroma: float
    camera: bool = False

    def grey(self) -> tuple[NDArray[np.float32], int]:
        """float32 [H, W] in [0, 1], 0 black, and the number of significant bits.

        What has no natural zero, as floating point and negative values, is stretched to its own range.
        """
        if self.values.dtype == np.uint8:
            return self.values.astype(np.float32) / np.float32(255), 8
        low, high = float(self.values.min()), float(self.values.max())
        if self.values.dtype.kind == "f" or low < 0:
            stretched = (self.values.astype(np.float64) - low) / max(high - low, np.finfo(np.float64).tiny)
            grey, bits = stretched.astype(np.float32), 32
        else:
            bits = depth(self.values)
            grey = np.divide(self.values, 2**bits - 1, dtype=np.float32)
            np.minimum(grey, np.float32(1), out=grey)
        return (1 - grey if self.inverted else grey), bits


def decode_picture(data: bytes) -> Picture:
    """Decode a file's bytes. EXIF orientation is applied; colour and transparency are as `load_radiograph` says.

    Raises:
        RadiographError: one of its kinds.
    """
    image = _open(data)
    try:
        image.load()
        # Pillow inverts TIFFs of up to 8 bits itself.
        inverted = image.format == "TIFF" and getattr(image, "tag_v2", {}).get(TIFF_PHOTOMETRIC) == WHITE_IS_ZERO
        upright = ImageOps.exif_transpose(image)
        deep = upright.mode.startswith("I") or upright.mode == "F"
        values = np.asarray(upright) if deep else _shallow_grey(upright)
        # Minimum and maximum pass a NaN on.
        if not np.isfinite((float(values.min()), float(values.max()))).all():
            raise errors.DamagedImage
        return Picture(values, image.format or "", image.mode, inverted and deep, _chroma(image), _camera(image))
    except errors.RadiographError:
        raise
    except Exception as error:  # decoders raise what they like on damaged files
        raise errors.DamagedImage from error


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


def _pages(image: Image.Image) -> Sequence[int]:
    """The frames or pages that are pictures of their own; the image is left at the first of them.

    Raises:
        Exception: any, where a page is damaged.
    """
    frames = getattr(image, "n_frames", 1)
    if image.format == "MPO":  # phones append a preview or a depth map
        return [0]
    if image.format != "TIFF" or not 1 < frames <= MAX_PAGES:
        return range(frames)  # and no list: a header may promise thousands of millions
    pages = []
    for page in range(frames):
        image.seek(page)
        if not getattr(image, "tag_v2", {}).get(TIFF_SUBFILE_TYPE, 0) & REDUCED_COPY:
            pages.append(page)
    pages = pages or [0]
    image.seek(pages[0])
    return pages


def _shallow_grey(image: Image.Image) -> NDArray[np.uint8]:
    """Grey and colour of up to 8 bits a channel, with or without transparency."""
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, image)
    return np.asarray(image.convert("L"))


def _chroma(image: Image.Image) -> float:
    """How coloured a picture is, from a sample of its pixels; 0 for grey ones."""
    if image.mode in ("1", "L", "LA", "La", "F") or image.mode.startswith("I"):
        return 0.0
    # By nearest neighbour: quick at any size, and a mean needs no filter.
    sample = image.resize((CHROMA_SAMPLE, CHROMA_SAMPLE), Image.Resampling.NEAREST).convert("RGBA")
    return float(np.ptp(np.asarray(sample, dtype=np.float32)[..., :3], axis=2).mean()) / 255


def _camera(image: Image.Image) -> bool:
    """Whether the EXIF data tell of an exposure, as cameras write it and scanners do not."""
    try:
        exposure = image.getexif().get_ifd(ExifTags.IFD.Exif)
    except Exception:  # damaged EXIF data are no reason to refuse a picture
        return False
    return bool({ExifTags.Base.ExposureTime, ExifTags.Base.FNumber, ExifTags.Base.FocalLength} & exposure.keys())

"""Thumbnails of gallery pictures: of the shipped ones they lie in `thumbnails/`, since decoding them all takes time
that the first visitor would wait for; of the user's own they are made when they are first shown."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pulmoscan.reading.radiograph import load_radiograph

FOLDER = "thumbnails"
SIDE = 192  # pixels
QUALITY = 85  # of JPEG


def thumbnail(picture: Path) -> bytes:
    """The one that lies beside a gallery picture, or one made of it; JPEG.

    Raises:
        RadiographError: there is none, and the picture is no radiograph that can be read.
    """
    try:
        return beside(picture).read_bytes()
    except OSError:
        return make_thumbnail(load_radiograph(picture).pixels)


def beside(picture: Path) -> Path:
    """Where the thumbnail of a shipped picture lies."""
    return picture.parent / FOLDER / f"{picture.stem}.jpg"


def make_thumbnail(pixels: NDArray[np.float32]) -> bytes:
    """The middle square of a radiograph, float32 [H, W] in [0, 1], as JPEG."""
    side = min(pixels.shape)
    top, left = ((length - side) // 2 for length in pixels.shape)
    square = cv2.resize(pixels[top : top + side, left : left + side], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", (square * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return jpeg.tobytes()

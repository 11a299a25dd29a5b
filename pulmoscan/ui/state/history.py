"""The session's own list of what was screened: in memory only, and gone with the session or on request."""

from __future__ import annotations

import base64
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timezone

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pulmoscan.screening import Reading

MAX_ENTRIES = 5_000
THUMBNAIL_SIDE = 72


@dataclass(frozen=True, eq=False)
class Entry:
    """One reading of one radiograph.

    Attributes:
        thumbnail: the radiograph as a small JPEG in a data URI; empty where there is none.
    """

    when: datetime
    file: str
    reading: Reading
    thumbnail: str = ""


def record(
    file: str, reading: Reading, pixels: NDArray[np.float32] | None = None, thumbnail: str | None = None
) -> None:
    """Add a reading; the oldest make room for new ones."""
    small = thumbnail or (thumbnail_of(pixels) if pixels is not None else "")
    _list().append(Entry(datetime.now(timezone.utc), file, reading, small))


def entries() -> list[Entry]:
    """The newest first."""
    return list(reversed(_list()))


def clear() -> None:
    """Forget all of it."""
    _list().clear()


def _list() -> deque[Entry]:
    return st.session_state.setdefault("history", deque(maxlen=MAX_ENTRIES))


def thumbnail_of(pixels: NDArray[np.float32]) -> str:
    """Pixels [H, W] in [0, 1] as a small JPEG in a data URI."""
    factor = THUMBNAIL_SIDE / max(pixels.shape)
    small = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", (np.clip(small, 0, 1) * 255).astype(np.uint8))
    return "data:image/jpeg;base64," + base64.b64encode(jpeg.tobytes()).decode()

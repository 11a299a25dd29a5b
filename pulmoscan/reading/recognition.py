"""Is it DICOM? Told where possible before what reads DICOM is imported, which takes longer than to read a PNG."""

from __future__ import annotations

import io
from typing import Literal


def is_dicom(data: bytes) -> bool:
    """Whether the bytes may be a DICOM file: with its magic word, or beginning with an element of a header."""
    if data[128:132] == b"DICM" or data[:4] == b"DICM":
        return True
    orders: tuple[Literal["little", "big"], ...] = ("little", "big")
    for order in orders:
        group, element = (int.from_bytes(data[at : at + 2], order) for at in (0, 2))
        if group in (0x0002, 0x0008) and element <= 0x0100 and len(data) > 64:
            return _has_header(data)
    return False


def _has_header(data: bytes) -> bool:
    import pydicom

    from pulmoscan.reading.dicom.facts import value

    try:
        header = pydicom.dcmread(io.BytesIO(data), force=True, stop_before_pixels=True)
    except Exception:
        return False
    return bool(value(header, "SOPClassUID") or value(header, "Rows"))

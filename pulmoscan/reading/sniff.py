"""What a file is by its first bytes: a picture that can be read, PulmoScan's own output, or neither."""

from __future__ import annotations

from pulmoscan.reading.recognition import is_dicom

HEAD_BYTES = 4096
OWN_NAME = b"PulmoScan"
"""What PulmoScan writes into its own pictures and DICOM files as their software or manufacturer."""

STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)  # sizes that the second header of a BMP has had
APPLE_DOUBLE = b"\0\x05\x16\x07"
# Manufacturer (0008,0070), explicit and implicit VR; of an even length, as all values.
OWN_DICOM = (b"\x08\0\x70\0LO\x0a\0" + OWN_NAME, b"\x08\0\x70\0\x0a\0\0\0" + OWN_NAME)
OWN_PNG = (b"tEXtSoftware\0" + OWN_NAME, b"iTXtSoftware\0\0\0\0\0" + OWN_NAME)


def is_picture(head: bytes) -> bool:
    """Whether a file that begins so is one of the kinds that can be read."""
    if head.startswith(STARTS) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return True
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in BMP_HEADERS:
        return True
    return is_dicom(head)


def is_own(head: bytes) -> bool:
    """Whether PulmoScan wrote a file that begins so: an overlay, a map, a report."""
    if head[128:132] == b"DICM":
        return any(mark in head for mark in OWN_DICOM)
    if head.startswith(b"\x89PNG"):
        return any(mark in head for mark in OWN_PNG)
    # JPEG and its metadata: in EXIF the text lies apart from its tag.
    return head.startswith(b"\xff\xd8\xff") and OWN_NAME in head


def is_apple_double(head: bytes) -> bool:
    """Whether it is what macOS notes of another file where a file system has no place for it."""
    return head.startswith(APPLE_DOUBLE)

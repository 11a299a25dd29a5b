"""Memory that nobody needs, given back to the system."""

from __future__ import annotations

import ctypes
import mmap
import sys
from contextlib import suppress


def trim_malloc() -> None:
    """Return what is free: the GNU C library keeps it otherwise."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)


def let_go(content: memoryview) -> None:
    """Keep of a mapped file (see `cache.load`) only what is read from now on; other memory stays as it is."""
    if isinstance(content.obj, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        content.obj.madvise(mmap.MADV_DONTNEED)

"""Memory that loading took, given back to the system."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress


def trim_malloc() -> None:
    """Return what is free: the GNU C library keeps it otherwise."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)

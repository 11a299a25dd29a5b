"""The base of all errors."""

from __future__ import annotations


class PulmoScanError(Exception):
    """Base of all the project's errors; `str(error)` is a sentence for a person."""

"""What a log may hold of an unforeseen error: its kind and where it arose, and nothing that it quotes.

A library's exception text often quotes the value that it stumbled over, and that may be a patient's name.
"""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

LAST_FRAMES = 6


def where(error: BaseException) -> str:
    """`ValueError at study.py:97 < dicom_sr.py:61 < formats.py:123`: kind and place, innermost first."""
    frames = traceback.extract_tb(error.__traceback__)[-LAST_FRAMES:]
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(error).__name__} at {places}" if places else type(error).__name__


def log_unforeseen(logger: logging.Logger, what: str, error: BaseException) -> None:
    """Log an error that nobody foresaw, without its text and without the lines' values."""
    logger.error("Unforeseen error %s: %s", what, where(error))

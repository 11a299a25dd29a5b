"""Runs over many radiographs: what they write, and what they go on from."""

from __future__ import annotations

from pulmoscan.errors.base import PulmoScanError


class FolderNotWritable(PulmoScanError):
    def __init__(self, path: object, why: str | None, option: str = "--out") -> None:
        super().__init__(
            f"{path} cannot be written ({why}). Free space there or choose another folder with {option}; with --resume "
            "the run goes on where it stopped."
        )


class ResultsNotWritable(PulmoScanError):
    def __init__(self, why: str | None) -> None:
        super().__init__(
            f"The results cannot be written ({why}). Free space there; with --resume the run goes on where it stopped."
        )


class ResumeError(PulmoScanError):
    """A file that no run can go on from; the message says why, and which file it should be."""


class BatchTooLarge(PulmoScanError):
    def __init__(self, what: str) -> None:
        super().__init__(f"{what}. Screen them in parts, or with `python -m pulmoscan screen FOLDER`, without a limit.")

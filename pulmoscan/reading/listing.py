"""Folders and patterns -> the files to read, and what was passed over, each with its reason.

A file's content decides where its ending does not. Links to folders are not followed, and what
is no file is not opened.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pulmoscan.errors import FileNotReadable
from pulmoscan.reading import sniff
from pulmoscan.reading.files import no_file, read_head, shown_name
from pulmoscan.reading.radiograph import FILE_EXTENSIONS, FORMAT_NAMES

ZIP = ".zip"
ASIDE = {
    "__MACOSX": "what macOS notes of the files beside it",
    "@eaDir": "thumbnails and notes that a Synology server makes",
    "#recycle": "a server's recycle bin",
    "$RECYCLE.BIN": "Windows' recycle bin",
    "System Volume Information": "Windows' own",
}
"""Folders that hold no radiographs, by name."""

TABLE_OF_CONTENTS = "DICOMDIR"


@dataclass(frozen=True)
class PassedOver:
    """What was not looked into, and why: half a sentence."""

    name: str
    reason: str


def find_files(paths: Iterable[str], passed_over: list[PassedOver] | None = None) -> list[Path]:
    """Files, what is worth reading in folders (and below) and what globs match, each once, in the given order.

    A path that matches nothing, a folder with nothing worth reading and one that cannot be opened are kept as they are,
    so that they are reported.

    Args:
        passed_over: filled with what was left out.
    """
    left_out: list[PassedOver] = [] if passed_over is None else passed_over
    found: dict[Path, None] = {}
    for text in paths:
        path = Path(text)
        if holds(path.is_dir):
            matches = list(_inside(path, left_out)) or [path]
        elif holds(path.exists) or holds(path.is_symlink):
            matches = [path]
        else:
            matches = list(_matching(text, left_out)) or [path]
        found.update(dict.fromkeys(matches))
    return list(found)


def reason_to_pass_over(name: str, head: Callable[[], bytes]) -> str:
    """Why a file of a folder, an archive or a dropped folder is not read; empty for one to read.

    Args:
        name: with or without its folders.
        head: its first `sniff.HEAD_BYTES` bytes; asked for at most once. Raises where they cannot be had.
    """
    path = PurePosixPath(name)
    for part in path.parts[:-1]:
        if part in ASIDE:
            return ASIDE[part]
    if path.name.startswith("._"):
        return "what macOS notes of another file"
    if path.name.upper() == TABLE_OF_CONTENTS:
        return "the table of contents of a DICOM disc"
    ending = path.suffix.lower().lstrip(".")
    known = ending in (*FILE_EXTENSIONS, ZIP[1:])
    try:
        begin = head()
    except Exception:  # then its reading says what is wrong
        return ""
    if sniff.is_own(begin):
        return "PulmoScan's own output"
    if sniff.is_apple_double(begin):
        return "what macOS notes of another file"
    if known or sniff.is_picture(begin):
        return ""
    if begin.startswith(b"PK\3\4"):
        return "a document, or a zip archive whose name does not end in .zip"
    return f"none of {FORMAT_NAMES}" if begin else "empty"


def holds(test: Callable[[], bool]) -> bool:
    """A question to the file system, such as `path.is_dir`; no where it may not be asked."""
    try:
        return test()
    except (OSError, ValueError):
        return False


def _inside(folder: Path, left_out: list[PassedOver]) -> Iterator[Path]:
    """What is worth reading in a folder and below, in the order of the names; folders that cannot be opened too."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        yield folder
        return
    for entry in entries:
        path = folder / entry.name
        if entry.is_dir(follow_symlinks=False):
            if entry.name in ASIDE:
                left_out.append(PassedOver(shown_name(path), ASIDE[entry.name]))
            else:
                yield from _inside(path, left_out)
        elif reason := _reason(path):
            left_out.append(PassedOver(shown_name(path), reason))
        else:
            yield path


def _reason(path: Path) -> str:
    if holds(path.is_symlink):
        if holds(path.is_dir):
            return "a link to a folder; name the folder itself to have it read"
        if not holds(path.exists):
            return "a link to nothing"
    if what := no_file(path):
        return f"no file but {what}"

    def head() -> bytes:
        return read_head(path, sniff.HEAD_BYTES)

    return reason_to_pass_over(path.name, head)


def _matching(pattern: str, left_out: list[PassedOver]) -> Iterator[Path]:
    # Path.glob takes no absolute patterns.
    for match in sorted(glob.glob(pattern, recursive=True)):  # noqa: PTH207
        path = Path(match)
        if holds(path.is_dir):
            if "**" not in pattern:  # which matches every folder on its way
                yield from _inside(path, left_out)
        elif reason := _reason(path):
            left_out.append(PassedOver(shown_name(path), reason))
        else:
            yield path


def not_listed(folder: Path) -> FileNotReadable | None:
    """Why a folder's entries cannot be listed; None where they can."""
    try:
        with os.scandir(folder):
            return None
    except OSError as error:
        return FileNotReadable(shown_name(folder), error.strerror or type(error).__name__)

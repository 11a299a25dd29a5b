"""Reading files of this machine without being held up by what is no file, and their names as text."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pulmoscan.errors import FileNotReadable, FileTooLarge

KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a directory",
}
# A pipe that nobody writes to would hold the opening up for ever.
OPENING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def shown_name(name: str | os.PathLike[str]) -> str:
    r"""A file's name as text that can be printed and stored everywhere: bytes that are no UTF-8 become `\xff`."""
    text = os.fspath(name)
    try:
        return os.fsencode(text).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # halves of a character that came from elsewhere than this file system
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


def no_file(path: Path) -> str:
    """What a path is, links followed, where it is no file: “a pipe”; empty for a file and for what is not there."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return ""
    return "" if stat.S_ISREG(mode) else KINDS.get(stat.S_IFMT(mode), "something else")


def read_file(path: Path, limit: int) -> bytes:
    """A file's bytes. Pipes, sockets and devices are not read.

    Raises:
        FileNotReadable: it cannot be opened, or is no file.
        FileTooLarge: it has more than `limit` bytes.
    """
    data, size = _read(path, limit + 1)
    if size > limit:
        raise FileTooLarge(size, limit)
    return data


def read_head(path: Path, length: int) -> bytes:
    """A file's first bytes.

    Raises:
        FileNotReadable: as above.
    """
    return _read(path, length)[0]


def _read(path: Path, length: int) -> tuple[bytes, int]:
    """At most that many bytes, and the file's size."""
    if what := no_file(path):  # before it is opened: opening a device may do something
        raise FileNotReadable(shown_name(path), f"it is {what}")
    try:
        with open(path, "rb", opener=lambda name, _: os.open(name, OPENING)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise FileNotReadable(shown_name(path), "it is no file")
            data = file.read(length)
            return data, max(len(data), os.fstat(file.fileno()).st_size)
    except (OSError, ValueError) as error:  # ValueError: a path that cannot be one
        why = getattr(error, "strerror", None) or type(error).__name__
        raise FileNotReadable(shown_name(path), why) from error

"""Paths, uploads and zip archives -> `Item`s: files by name, each read only when its turn comes, within limits.

An archive is never unpacked to disk, and no more than one of its members is in memory at a time.
"""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path, PurePosixPath

from pulmoscan.errors import FileNotReadable, FileTooLarge, NoImageInFolder, RadiographError
from pulmoscan.reading.radiograph import FILE_EXTENSIONS, MAX_FILE_BYTES

MAX_MEMBERS = 20_000
MAX_UNPACKED_BYTES = 16 * 2**30
MAX_RATIO = 200
"""Unpacked over packed size of a member above a megabyte; radiographs stay below 20."""
ZIP = ".zip"
# RuntimeError: encrypted, or NotImplementedError: an unknown compression.
UNPACKING_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError, ValueError)


class ArchiveError(RadiographError):
    """A zip archive that cannot be looked into."""


class ArchiveDamaged(ArchiveError):
    def __init__(self) -> None:
        super().__init__("The zip archive is damaged or none. Make or download it again.")


class ArchiveTooLarge(ArchiveError):
    def __init__(self, why: str) -> None:
        super().__init__(f"The zip archive {why}, more than is unpacked here. Split it, or give a folder.")


class ArchiveInArchive(ArchiveError):
    def __init__(self) -> None:
        super().__init__("A zip archive inside a zip archive is not looked into. Unpack it first.")


class MemberNotReadable(ArchiveError):
    def __init__(self, why: str) -> None:
        super().__init__(f"It cannot be unpacked from its zip archive: {why}. Unpack it with another program.")


@dataclass(frozen=True, eq=False)
class Item:
    """One file to screen.

    Attributes:
        name: as it is shown: a path, or the archive's name and the path in it.
        read: its bytes; raises RadiographError.
    """

    name: str
    read: Callable[[], bytes]

    @property
    def short_name(self) -> str:
        return PurePosixPath(self.name.replace("\\", "/")).name


def path_items(paths: Iterable[Path]) -> Iterator[Item]:
    """Files as they are, archives by their members; what cannot be opened becomes an item that says so."""
    for path in paths:
        if path.is_dir():
            yield failing(str(path), NoImageInFolder(path, ", ".join(FILE_EXTENSIONS)))
        elif path.suffix.lower() == ZIP and path.is_file():
            yield from _archive_or_failure(path, str(path))
        else:
            yield Item(str(path), partial(_read_file, path))


def upload_items(name: str, data: bytes) -> Iterator[Item]:
    """An upload, or the members of an uploaded archive."""
    if PurePosixPath(name).suffix.lower() == ZIP:
        yield from _archive_or_failure(BytesIO(data), name)
    else:
        yield Item(name, lambda: data)


def failing(name: str, error: RadiographError) -> Item:
    """An item that cannot be read, for the list of those."""

    def read() -> bytes:
        raise error

    return Item(name, read)


def archive_items(source: Path | BytesIO, name: str) -> list[Item]:
    """The images in a zip archive, in its order; other files, and what macOS and Windows add, are passed over.

    Raises:
        ArchiveDamaged: it cannot be read.
        ArchiveTooLarge: it holds too many files or unpacks to too much.
    """
    try:
        archive = zipfile.ZipFile(source)
        members = [member for member in archive.infolist() if not member.is_dir()]
    except UNPACKING_ERRORS as error:
        raise ArchiveDamaged from error
    if len(members) > MAX_MEMBERS:
        raise ArchiveTooLarge(f"holds {len(members):,} files")
    unpacked = sum(member.file_size for member in members)
    if unpacked > MAX_UNPACKED_BYTES:
        raise ArchiveTooLarge(f"unpacks to {unpacked / 2**30:.0f} GB")
    return [
        Item(f"{name}/{member.filename}", partial(_read_member, archive, member))
        for member in members
        if _is_wanted(archive, member)
    ]


def _archive_or_failure(source: Path | BytesIO, name: str) -> Iterator[Item]:
    try:
        items = archive_items(source, name)
    except ArchiveError as error:
        yield failing(name, error)
        return
    if not items:
        yield failing(name, NoImageInFolder(name, ", ".join(FILE_EXTENSIONS)))
    yield from items


def _is_wanted(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    """By its ending; files without one, as on patients' discs, by DICOM's magic."""
    path = PurePosixPath(member.filename)
    if any(part.startswith((".", "__MACOSX")) for part in path.parts):
        return False
    ending = path.suffix.lower()
    if ending and not ending[1:].isdecimal():
        return ending == ZIP or ending[1:] in FILE_EXTENSIONS
    try:
        with archive.open(member) as file:
            return file.read(132)[128:] == b"DICM"
    except UNPACKING_ERRORS:
        return False


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if member.filename.lower().endswith(ZIP):
        raise ArchiveInArchive
    if member.file_size > MAX_FILE_BYTES:
        raise FileTooLarge(member.file_size, MAX_FILE_BYTES)
    if member.file_size > max(2**20, MAX_RATIO * member.compress_size):
        raise MemberNotReadable(f"it unpacks to {MAX_RATIO} times its size and more, as no radiograph does")
    if member.flag_bits & 1:
        raise MemberNotReadable("it is encrypted")
    try:
        with archive.open(member) as file:
            # At most what the directory promised is unpacked; a false promise fails the checksum.
            return file.read(MAX_FILE_BYTES + 1)
    except UNPACKING_ERRORS as error:
        raise MemberNotReadable("it is damaged") from error


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
            size = max(len(data), path.stat().st_size)
    except (OSError, ValueError) as error:  # ValueError: a path that cannot be one
        raise FileNotReadable(path, getattr(error, "strerror", None) or type(error).__name__) from error
    if size > MAX_FILE_BYTES:
        raise FileTooLarge(size, MAX_FILE_BYTES)
    return data

"""Paths, uploads and zip archives -> `Item`s: files by name, each read only when its turn comes, within limits.

An archive is never unpacked to disk, no more than one of its members is in memory at a time, and it is open only while
it is read from, so that there may be any number of archives.
"""

from __future__ import annotations

import io
import os
import stat
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path, PurePosixPath

from pulmoscan.errors import (
    ArchiveDamaged,
    ArchiveError,
    ArchiveInArchive,
    ArchiveTooLarge,
    FileTooLarge,
    MemberNotReadable,
    NoImageInFolder,
    RadiographError,
)
from pulmoscan.reading import sniff
from pulmoscan.reading.files import no_file, read_file, shown_name
from pulmoscan.reading.listing import ZIP, PassedOver, holds, not_listed, reason_to_pass_over
from pulmoscan.reading.radiograph import FILE_EXTENSIONS, MAX_FILE_BYTES

MAX_MEMBERS = 20_000
MAX_UNPACKED_BYTES = 16 * 2**30
MAX_DIRECTORY_BYTES = 16 * 2**20
"""Of an archive's table of contents, which is read as a whole: some 800 bytes a file at `MAX_MEMBERS`."""
MAX_RATIO = 200
"""Unpacked over packed size of a member above a megabyte; radiographs stay below 20."""
PIECE = 4096
"""Bytes unpacked at a time: LZMA cannot be stopped within a piece, and unpacks one to 30 MB at most."""
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA)
"""How members may be packed: with bzip2 the same piece may become gigabytes."""
END_OF_DIRECTORY, LOCATOR, ZIP64_END = b"PK\5\6", b"PK\6\7", b"PK\6\6"  # APPNOTE 4.3.16, 4.3.15, 4.3.14


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


def path_items(paths: Iterable[Path], passed_over: list[PassedOver] | None = None) -> Iterator[Item]:
    """Files as they are, archives by their members; what cannot be opened becomes an item that says so.

    Args:
        passed_over: filled with the members of archives that are not read, and why.
    """
    for path in paths:
        name = shown_name(path)
        if holds(path.is_dir):
            yield failing(name, not_listed(path) or NoImageInFolder(name, ", ".join(FILE_EXTENSIONS)))
        elif path.suffix.lower() == ZIP and holds(path.exists) and not no_file(path):
            yield from _archive_or_failure(path, name, passed_over)
        else:
            yield Item(name, partial(_read_file, path))


def upload_items(name: str, data: bytes, passed_over: list[PassedOver] | None = None) -> Iterator[Item]:
    """An upload, or the members of an uploaded archive.

    Args:
        passed_over: filled with what is not read, and why; without it an upload is read whatever it is.
    """
    name = shown_name(name)
    if PurePosixPath(name).suffix.lower() == ZIP:
        yield from _archive_or_failure(BytesIO(data), name, passed_over)
    elif passed_over is not None and (reason := reason_to_pass_over(name, lambda: data[: sniff.HEAD_BYTES])):
        passed_over.append(PassedOver(name, reason))
    else:
        yield Item(name, lambda: data)


def failing(name: str, error: RadiographError) -> Item:
    """An item that cannot be read, for the list of those."""

    def read() -> bytes:
        raise error

    return Item(name, read)


def archive_items(source: Path | BytesIO, name: str, passed_over: list[PassedOver] | None = None) -> list[Item]:
    """The images in a zip archive, in its order.

    Args:
        passed_over: filled with the other files in it, and why they are not read.

    Raises:
        ArchiveDamaged: it cannot be read.
        ArchiveTooLarge: it holds too many files or unpacks to too much.
    """
    archive, members = open_archive(_Closed(source) if isinstance(source, Path) else source)
    items = []
    for member in members:
        shown = f"{name}/{shown_name(member.filename)}"
        reason = _reason_to_pass_over(archive, member)
        if reason and passed_over is not None:
            passed_over.append(PassedOver(shown, reason))
        if not reason:
            items.append(Item(shown, partial(read_member, archive, member)))
    return items


def open_archive(file: io.IOBase) -> tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]:
    """A zip archive in a file that can be searched, and its members in their order; folders are none.

    Raises:
        ArchiveDamaged: it cannot be read.
        ArchiveTooLarge: it holds too many files or unpacks to too much.
    """
    try:
        _check_directory(file)
        archive = zipfile.ZipFile(file)
        members = [member for member in archive.infolist() if not member.is_dir()]
    except ArchiveError:
        raise
    except Exception as error:  # zipfile raises what it likes on damaged archives
        raise ArchiveDamaged from error
    if len(members) > MAX_MEMBERS:
        raise ArchiveTooLarge(f"holds {len(members):,} files")
    unpacked = sum(member.file_size for member in members)
    if unpacked > MAX_UNPACKED_BYTES:
        raise ArchiveTooLarge(f"unpacks to {unpacked / 2**30:.0f} GB")
    return archive, members


def _archive_or_failure(
    source: Path | BytesIO, name: str, passed_over: list[PassedOver] | None = None
) -> Iterator[Item]:
    try:
        items = archive_items(source, name, passed_over)
    except ArchiveError as error:
        yield failing(name, error)
        return
    if not items:
        yield failing(name, NoImageInFolder(name, ", ".join(FILE_EXTENSIONS)))
    yield from items


class _Closed(io.RawIOBase):
    """A file that can be searched and is open only while it is read from."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.at = 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self.at}.get(whence)
        self.at = (self.path.stat().st_size if start is None else start) + offset
        if self.at < 0:
            self.at = 0
            raise OSError("before the file's beginning")
        return self.at

    def read(self, size: int | None = -1) -> bytes:
        with self.path.open("rb") as file:
            file.seek(self.at)
            data = file.read(size)
        self.at += len(data)
        return data


def _check_directory(file: io.IOBase) -> None:
    """An archive's table of contents is read as a whole, and says before how long it is."""
    start = max(0, file.seek(0, os.SEEK_END) - 2**16 - 22)  # a comment may follow
    file.seek(start)
    tail = _bytes(file)
    end = tail.rfind(END_OF_DIRECTORY)
    size = int.from_bytes(tail[end + 12 : end + 16], "little") if end >= 0 else 0
    if end >= 20 and size == 2**32 - 1 and tail[end - 20 : end - 16] == LOCATOR:
        file.seek(int.from_bytes(tail[end - 12 : end - 4], "little"))
        record = _bytes(file, 56)
        size = int.from_bytes(record[40:48], "little") if record.startswith(ZIP64_END) else 0
    file.seek(0)
    if size > MAX_DIRECTORY_BYTES:
        raise ArchiveTooLarge(f"has a table of contents of {size / 2**20:.0f} MB")


def _bytes(file: io.IOBase, size: int = -1) -> bytes:
    return file.read(size) or b""


def _reason_to_pass_over(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> str:
    if stat.S_ISLNK(member.external_attr >> 16):
        return "a link"

    def head() -> bytes:
        _check_packing(member)
        with archive.open(member) as file:
            return file.read(sniff.HEAD_BYTES)

    return reason_to_pass_over(member.filename, head)


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """A member's bytes, within the limits.

    Raises:
        RadiographError: it is none to read, too large, or damaged.
    """
    if member.filename.lower().endswith(ZIP):
        raise ArchiveInArchive
    if member.file_size > MAX_FILE_BYTES:
        raise FileTooLarge(member.file_size, MAX_FILE_BYTES)
    if member.file_size > max(2**20, MAX_RATIO * member.compress_size):
        raise MemberNotReadable(f"it unpacks to {MAX_RATIO} times its size and more, as no radiograph does")
    _check_packing(member)
    pieces, size = [], 0
    try:
        with archive.open(member) as file:
            # At most what the directory promised is taken; a false promise fails the checksum.
            while size <= MAX_FILE_BYTES and (piece := file.read(PIECE)):
                pieces.append(piece)
                size += len(piece)
    except Exception as error:  # as above
        raise MemberNotReadable("it is damaged") from error
    return b"".join(pieces)


def _check_packing(member: zipfile.ZipInfo) -> None:
    if member.flag_bits & 1:
        raise MemberNotReadable("it is encrypted")
    if member.compress_type not in PACKINGS:
        raise MemberNotReadable("it is packed in a way that is not unpacked here")


def _read_file(path: Path) -> bytes:
    return read_file(path, MAX_FILE_BYTES)

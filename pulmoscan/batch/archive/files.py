"""Entry -> its bytes, within the limits that hold everywhere; the container read last stays open for the next."""

from __future__ import annotations

import tarfile
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from pulmoscan.batch.archive.entries import ZIP, Entry
from pulmoscan.batch.archive.places import is_local, is_url, opened
from pulmoscan.errors import FileNotReadable, FileTooLarge, MemberGone, RadiographError
from pulmoscan.reading.files import read_file, shown_name
from pulmoscan.reading.intake import open_archive, read_member
from pulmoscan.reading.radiograph import MAX_FILE_BYTES


class Reader:
    """Reads entries one after the other; quickest in the list's order."""

    def __init__(self) -> None:
        self._place = ""
        self._open = ExitStack()
        self._zip: tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]] | None = None
        self._tar: tarfile.TarFile | None = None

    def read(self, entry: Entry) -> bytes:
        """The entry's bytes.

        Raises:
            RadiographError: it cannot be read, or is too large.
        """
        if entry.problem:
            raise FileNotReadable(entry.file, entry.problem.rstrip("."))
        if entry.size > MAX_FILE_BYTES:
            raise FileTooLarge(entry.size, MAX_FILE_BYTES)
        try:
            if not entry.member:
                return _file(entry)
            if entry.offset >= 0:
                return _part(entry)
            if entry.place.lower().endswith(ZIP):
                return self._zipped(entry)
            return self._packed(entry)
        except RadiographError:
            raise
        except Exception as error:  # every store has errors of its own, and some quote what must not be quoted
            self.close()
            why = getattr(error, "strerror", None) or type(error).__name__
            raise FileNotReadable(entry.file, why) from error

    def close(self) -> None:
        """Let go of the container that is open."""
        self._open.close()
        self._open, self._place, self._zip, self._tar = ExitStack(), "", None, None

    def _container(self, place: str) -> IO[bytes]:
        self.close()
        system, path = opened(place)
        file: IO[bytes] = self._open.enter_context(system.open(path, "rb"))
        self._place = place
        return file

    def _zipped(self, entry: Entry) -> bytes:
        if self._place != entry.place or self._zip is None:
            file: Any = self._container(entry.place)
            archive, members = open_archive(file)
            self._zip = archive, {member.filename: member for member in members}
        archive, by_name = self._zip
        if entry.member not in by_name:
            raise MemberGone
        return read_member(archive, by_name[entry.member])

    def _packed(self, entry: Entry) -> bytes:
        """A member of a compressed tar file, which can only be read from its beginning on."""
        if self._place == entry.place and self._tar is not None and (data := self._ahead(self._tar, entry)) is not None:
            return data
        file = self._container(entry.place)
        self._tar = self._open.enter_context(tarfile.open(fileobj=file, mode="r|gz"))  # noqa: SIM115
        data = self._ahead(self._tar, entry)
        if data is None:
            raise MemberGone
        return data

    @staticmethod
    def _ahead(tar: tarfile.TarFile, entry: Entry) -> bytes | None:
        while (member := tar.next()) is not None:
            tar.members = []  # type: ignore[attr-defined]
            if member.name == entry.member and member.isreg():
                if member.size > MAX_FILE_BYTES:
                    raise FileTooLarge(member.size, MAX_FILE_BYTES)
                file = tar.extractfile(member)
                return file.read() if file else b""
        return None


def _file(entry: Entry) -> bytes:
    system, path = opened(entry.place)
    if is_local(entry.place):
        return read_file(Path(path if is_url(entry.place) else entry.place), MAX_FILE_BYTES)
    data: bytes = system.cat_file(path) if entry.size >= 0 else system.cat_file(path, end=MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise FileTooLarge(len(data), MAX_FILE_BYTES)
    return data


def _part(entry: Entry) -> bytes:
    """A member of a tar file that is not compressed: one request, wherever it lies."""
    system, path = opened(entry.place)
    data: bytes = system.cat_file(path, start=entry.offset, end=entry.offset + entry.size) if entry.size else b""
    if len(data) != entry.size:
        raise FileNotReadable(shown_name(entry.file), "the tar file is shorter than it was")
    return data

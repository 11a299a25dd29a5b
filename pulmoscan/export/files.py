"""The one rule for every file that is written into a folder of the user's.

Names are unique over runs, also where a file system folds case or composes letters; nothing that is there is ever
touched. A file appears whole and synced, or not at all. What was written for a radiograph whose result was not recorded
any more, because the run was killed between the two, is taken back when the run is resumed: a journal in the folder
says what that is.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

from pulmoscan.errors import FolderNotWritable

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows, which keeps open files from being renamed instead
    fcntl = None

PREFIX = ".pulmoscan-"
PART, JOURNAL = ".part", ".journal"
LONGEST_NAME = 255
"""Bytes, where the file system does not say."""
ROOM_FOR_NUMBER = len("-99999")
OF_THE_FOLDER = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.ENOENT, errno.ENOTDIR, errno.ESTALE)
"""What no other file could be written for either; the rest is the one file's."""
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV, errno.EINVAL)
NOT_ON_WINDOWS = '<>:"|?*'


def stem_of(name: str) -> str:
    """The name of a file, folders and ending left out, as another file's name can hold it.

    Bytes that are no text (PEP 383) and control characters are written as %XX.
    """
    stem = PurePosixPath(name.replace("\\", "/")).stem
    return "".join(_held(c) for c in stem).strip() or "radiograph"


def _held(c: str) -> str:
    if "\udc80" <= c <= "\udcff":
        return f"%{ord(c) - 0xDC00:02X}"
    if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp"):
        return "".join(f"%{byte:02X}" for byte in c.encode("utf-8", "surrogatepass"))
    return "_" if os.name == "nt" and c in NOT_ON_WINDOWS else c


def key_of(name: str) -> str:
    """Equal for names that some file system takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def write_new(path: Path, data: bytes) -> None:
    """Write a file whole and synced, or not at all.

    Raises:
        FileExistsError: there is one of that name; it stays as it is.
    """
    part = path.with_name(f"{PREFIX}{secrets.token_hex(6)}{PART}")
    try:
        _write_part(part, data)
        _name(part, path)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(path.parent)


@dataclass(eq=False)
class OutputFolder:
    """A folder that one run writes into.

    Attributes:
        endings: of all kinds of files that may be written here; a name is free if none of them is taken.
        option: of the command line, for the message where it cannot be written.
    """

    path: Path
    endings: Collection[str]
    option: str = "--out"
    _taken: set[str] = field(default_factory=set)
    _longest: int = LONGEST_NAME
    _published: list[Path] = field(default_factory=list)
    _run: str = field(default_factory=lambda: secrets.token_hex(6))
    _journal: int = -1

    def __post_init__(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._remove_dead_parts()
            self._taken = {key_of(entry.name) for entry in os.scandir(self.path)}
            self._journal = os.open(self._journal_path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
            if fcntl is not None:
                fcntl.flock(self._journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise FolderNotWritable(self.path, error.strerror, self.option) from error
        if hasattr(os, "pathconf"):
            try:
                self._longest = os.pathconf(self.path, "PC_NAME_MAX")
            except (OSError, ValueError):
                self._longest = LONGEST_NAME

    @property
    def _journal_path(self) -> Path:
        return self.path / f"{PREFIX}{self._run}{JOURNAL}"

    def shortened(self, stem: str) -> str:
        """The stem, cut so that the file system takes it with any ending and number."""
        room = self._longest - ROOM_FOR_NUMBER - max(len(ending.encode()) for ending in self.endings)
        return stem.encode("utf-8", "replace")[:room].decode("utf-8", "ignore").rstrip()

    def is_free(self, stem: str) -> bool:
        return not any(key_of(stem + ending) in self._taken for ending in self.endings)

    def publish(self, stem: str, files: Mapping[str, bytes], owner: str, results: tuple[int, int] | None) -> None:
        """Write files that belong together, by their endings. They count as unrecorded until `settle`.

        Where it raises, `withdraw` removes those that it had written before.

        Args:
            owner: how the results name the radiograph.
            results: device and inode of the file that they are written to.

        Raises:
            FileExistsError: another program has taken one of the names.
            FolderNotWritable: nothing can be written here any more.
            OSError: these files cannot be written.
        """
        parts = {ending: self.path / f"{PREFIX}{self._run}-{n}{PART}" for n, ending in enumerate(files)}
        try:
            for ending, part in parts.items():
                _write_part(part, files[ending])
            written = {stem + ending: hashlib.sha256(data).hexdigest() for ending, data in files.items()}
            self._note({"owner": owner, "results": results, "written": written})
            for ending, part in parts.items():
                target = self.path / (stem + ending)
                self._taken.add(key_of(target.name))
                _name(part, target)
                self._published.append(target)
            sync_folder(self.path)
        except OSError as error:
            if error.errno in OF_THE_FOLDER:
                raise FolderNotWritable(self.path, error.strerror, self.option) from error
            raise
        finally:
            for part in parts.values():
                part.unlink(missing_ok=True)

    def withdraw(self) -> None:
        """Remove what was published since the last `settle`."""
        for path in self._published:
            path.unlink(missing_ok=True)
        self.settle()

    def settle(self) -> None:
        """What was published is recorded in the results."""
        self._published.clear()
        os.ftruncate(self._journal, 0)

    def close(self) -> None:
        """Leave no journal behind, unless something is not recorded."""
        if self._journal >= 0:
            unrecorded = os.fstat(self._journal).st_size
            os.close(self._journal)
            self._journal = -1
            if not unrecorded:
                self._journal_path.unlink(missing_ok=True)

    def take_back(self, is_recorded: Callable[[str], bool], results: tuple[int, int] | None) -> None:
        """Remove what runs that were killed have written and not recorded in the results that are gone on with.

        Only files whose content is still what was written are removed.
        """
        for journal in self._dead_journals():
            note = _read_note(journal)
            if note.get("results") not in (None, list(results) if results else None):
                continue  # of another run, with results of its own
            if not is_recorded(str(note.get("owner"))):
                for name, sha256 in note.get("written", {}).items():
                    path = self.path / Path(name).name
                    if _holds(path, sha256):
                        path.unlink()
                        self._taken.discard(key_of(path.name))
            journal.unlink(missing_ok=True)

    def _note(self, note: Mapping[str, Any]) -> None:
        data = json.dumps(note).encode()
        os.ftruncate(self._journal, 0)
        os.pwrite(self._journal, data, 0) if hasattr(os, "pwrite") else os.write(self._journal, data)
        os.fsync(self._journal)

    def _dead_journals(self) -> list[Path]:
        """Of runs that live no more."""
        found = self.path.glob(f"{PREFIX}*{JOURNAL}")
        return [path for path in found if path != self._journal_path and not _is_alive(path)]

    def _remove_dead_parts(self) -> None:
        """Half-written files of runs that were killed; a journal without a note goes with them."""
        for journal in self._dead_journals():
            run = journal.name.removesuffix(JOURNAL)
            for part in self.path.glob(f"{run}-*{PART}"):
                part.unlink(missing_ok=True)
            if not journal.stat().st_size:
                journal.unlink(missing_ok=True)


def _write_part(part: Path, data: bytes) -> None:
    handle = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o666)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _name(part: Path, target: Path) -> None:
    """Give a finished file its name, unless there is one of that name."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))  # ours from here on
        part.replace(target)


def sync_folder(folder: Path) -> None:
    """Have a folder's entries on the disk, where the system can."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # not every network share knows how
            raise
    finally:
        os.close(handle)


def _is_alive(journal: Path) -> bool:
    """Whether the run that keeps a journal is still there; taken for granted where nobody can tell."""
    try:
        if fcntl is None:
            journal.rename(journal)
            return False
        with journal.open("rb+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
    except OSError:
        return True


def _read_note(journal: Path) -> dict[str, Any]:
    try:
        note = json.loads(journal.read_bytes())
    except (OSError, ValueError):  # nothing was published yet
        return {}
    return note if isinstance(note, dict) else {}


def _holds(path: Path, sha256: str) -> bool:
    try:
        return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    except OSError:
        return False

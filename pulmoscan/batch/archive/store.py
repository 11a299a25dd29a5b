"""Where a run writes to: a folder, or a URL of an object store. A file is there as a whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from pulmoscan.batch.archive.places import checked, is_local, is_url, opened
from pulmoscan.errors import OutNotWritable
from pulmoscan.reading.records import write_whole


class Store:
    """Files by name, such as `results/block-000000/unit-00000017.parquet`.

    Attributes:
        where: as it was given; an absolute path where it is a folder of this machine.

    Raises:
        PlaceRefused, ClusterPackageMissing: see `places`.
    """

    def __init__(self, where: str) -> None:
        checked(where)
        self.where = where.rstrip("/") if is_url(where) else str(Path(where).absolute())
        self._system, self._root = opened(self.where)

    def path(self, name: str) -> str:
        """Where a file is, for other programs."""
        return f"{self.where}/{name}"

    def write(self, name: str, data: bytes) -> None:
        """Write a file, in place of what is there.

        Raises:
            OutNotWritable: it cannot be written; what was there is still there.
        """
        try:
            if is_local(self.where):
                path = Path(self._root, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, data)
            else:
                self._system.pipe_file(f"{self._root}/{name}", data)  # one request, whole or not at all
        except Exception as error:  # every store has errors of its own
            raise OutNotWritable(self.where, getattr(error, "strerror", None) or type(error).__name__) from error

    def read(self, name: str) -> bytes:
        """A file's content.

        Raises:
            FileNotFoundError: there is none.
        """
        data: bytes = self._system.cat_file(f"{self._root}/{name}")
        return data

    def open(self, name: str) -> IO[bytes]:
        """A file, for reading parts of it."""
        file: IO[bytes] = self._system.open(f"{self._root}/{name}", "rb")
        return file

    def names(self, folder: str) -> list[str]:
        """The files below a folder, by name; half-written ones are none."""
        root = self._root.rstrip("/")
        try:
            found = self._system.find(f"{root}/{folder}")
        except FileNotFoundError:
            return []
        names = (path[len(root) + 1 :] for path in found if path.startswith(root + "/"))
        return sorted(name for name in names if not name.rpartition("/")[2].startswith("."))

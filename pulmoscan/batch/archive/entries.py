"""A source -> its `Entry`s, one a file, in an order that is always the same; none is read, and few are in memory.

A folder is gone through as `screen` does. Zip and tar files stand for their members. A CSV or Parquet file names
files, with what is known of them.
"""

from __future__ import annotations

import csv
import io
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulmoscan.batch.archive.places import checked, is_local, is_url, joined, opened
from pulmoscan.errors import RadiographError, SourceNotListed
from pulmoscan.reading.files import shown_name
from pulmoscan.reading.intake import open_archive
from pulmoscan.reading.listing import ASIDE

ZIP, TAR, PACKED_TAR, TABLES = (".zip",), (".tar",), (".tar.gz", ".tgz"), (".csv", ".parquet")
PATH_NAMES = ("path", "file", "url")
"""What the column of the files may be called."""


@dataclass(frozen=True)
class Entry:
    """One file.

    Attributes:
        ordinal: its place in the list, from 0.
        file: as it is shown, and as `screen` would show it.
        place: path or URL of the file, or of the zip or tar file that it is in.
        member: its path in there; empty for a file by itself.
        offset: of its bytes in a tar file that is not compressed; else -1.
        size: bytes; -1 where the list does not tell.
        problem: why a container cannot be looked into; the entry then stands for all of it.
        label, age, day, site: what the list says of it; None where it does not.
    """

    ordinal: int
    file: str
    place: str
    member: str = ""
    offset: int = -1
    size: int = -1
    problem: str = ""
    label: str | None = None
    age: float | None = None
    day: str | None = None
    site: str | None = None


def entries(source: str) -> Iterator[Entry]:
    """The files of a source, numbered.

    Raises:
        PlaceRefused, ClusterPackageMissing: see `places`.
        SourceNotListed: it is not there, cannot be listed, or names no files.
    """
    number = 0
    try:
        for fields in _source(checked(source)):
            yield Entry(ordinal=number, **fields)
            number += 1
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise SourceNotListed(shown_name(source), why) from error
    if number == 0:
        raise SourceNotListed(shown_name(source), "it holds no files")


Fields = dict[str, Any]


def _source(source: str) -> Iterator[Fields]:
    system, path = opened(source)
    if source.lower().endswith(TABLES):
        yield from _table(source)
    elif system.isdir(path):
        yield from _folder(source.rstrip("/") or source, path)
    else:
        yield from _file(source, -1)


def _folder(shown: str, path: str) -> Iterator[Fields]:
    """Depth first, by name, a folder in memory at a time; links to folders are not followed."""
    system, _ = opened(shown)
    found = {info["name"].rstrip("/").rpartition("/")[2]: info for info in system.ls(path, detail=True)}
    for name in sorted(found):
        info = found[name]
        if info["type"] == "directory":
            if name not in ASIDE and not info.get("islink") and info["name"].rstrip("/") != path.rstrip("/"):
                yield from _folder(joined(shown, name), info["name"])
        elif info["type"] == "file":
            yield from _file(joined(shown, name), int(info.get("size") or -1))


def _file(shown: str, size: int) -> Iterator[Fields]:
    """A file by itself, or the members of a container."""
    fields: Fields = {"place": str(Path(shown).absolute()) if not is_url(shown) else shown}
    shown, kind = shown_name(shown), shown.lower()
    try:
        if kind.endswith(ZIP):
            yield from ({**fields, "file": f"{shown}/{name}", **more} for name, more in _zip(fields["place"]))
        elif kind.endswith((*TAR, *PACKED_TAR)):
            yield from ({**fields, "file": f"{shown}/{name}", **more} for name, more in _tar(fields["place"]))
        else:
            yield {**fields, "file": shown, "size": size}
    except RadiographError as error:
        yield {**fields, "file": shown, "problem": str(error)}
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        why = getattr(error, "strerror", None) or "it is damaged or none"
        yield {**fields, "file": shown, "problem": f"The container cannot be looked into: {why}."}


def _zip(place: str) -> Iterator[tuple[str, Fields]]:
    system, path = opened(place)
    with system.open(path, "rb") as file:
        for member in open_archive(file)[1]:
            yield shown_name(member.filename), {"member": member.filename, "size": member.file_size}


def _tar(place: str) -> Iterator[tuple[str, Fields]]:
    system, path = opened(place)
    packed = place.lower().endswith(PACKED_TAR)
    with system.open(path, "rb") as file, tarfile.open(fileobj=file, mode="r|gz" if packed else "r:") as tar:
        for member in tar:
            tar.members = []  # type: ignore[attr-defined] # else it keeps them all
            if member.isreg():
                offset = -1 if packed else member.offset_data
                yield shown_name(member.name), {"member": member.name, "offset": offset, "size": member.size}


def _table(source: str) -> Iterator[Fields]:
    folder = source.rpartition("/")[0]
    for row in _rows(source):
        path = next((str(row[name]) for name in PATH_NAMES if row.get(name)), "")
        if not path:
            raise SourceNotListed(shown_name(source), f"it needs a column called {' or '.join(PATH_NAMES)}")
        place = checked(joined(folder, path))
        if not is_local(source) and is_local(place):
            raise SourceNotListed(shown_name(source), "a list from elsewhere may not name files of this machine")
        known = {
            "label": _text(row, "label"),
            "age": _number(row, "age"),
            "day": _text(row, "date"),
            "site": _text(row, "site"),
        }
        for fields in _file(place, -1):
            yield {**fields, **known}


def _rows(source: str) -> Iterator[Mapping[str, Any]]:
    system, path = opened(source)
    with system.open(path, "rb") as file:
        if source.lower().endswith(".csv"):
            with io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
                yield from csv.DictReader(text)
            return
        import pyarrow.parquet as pq

        table = pq.ParquetFile(file)
        columns = [name for name in table.schema_arrow.names if name in (*PATH_NAMES, "label", "age", "date", "site")]
        for batch in table.iter_batches(batch_size=4096, columns=columns):
            yield from batch.to_pylist()


def _text(row: Mapping[str, Any], name: str) -> str | None:
    value = row.get(name)
    return None if value is None or value == "" else str(value)


def _number(row: Mapping[str, Any], name: str) -> float | None:
    try:
        number = float(row.get(name) or "nan")
    except (TypeError, ValueError):
        return None
    return number if 0 <= number < 130 else None

"""JSON files of the program's own, cards and manifests: validated when they are read, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TypeVar

import msgspec


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a file holds: exactly these fields, of exactly these types."""


R = TypeVar("R", bound=Record)


def from_json(data: bytes | str, kind: type[R]) -> R:
    """The record in JSON.

    Raises:
        ValueError: it is not such a record.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def to_json(record: Record, indent: int = -1) -> bytes:
    """A record as JSON, for `from_json`; with a negative `indent` on one line without spaces.

    Raises:
        ValueError: it could not be read back, such as a number that is none.
    """
    return _checked(record, type(record), indent)


def read_record(path: Path, kind: type[R]) -> R:
    """The record in a JSON file.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it is not such a record.
    """
    return from_json(path.read_bytes(), kind)


def write_record(path: Path, record: Record, indent: int = 1) -> None:
    """Write a record as JSON, for `read_record`.

    Raises:
        OSError: it cannot be written; what was there before is still there.
        ValueError: it could not be read back.
    """
    write_content(path, record, type(record), indent)


def write_content(path: Path, content: object, kind: type[Record], indent: int = 1) -> None:
    """Write a record, or what will be read as one and holds more than it asks for, as JSON.

    Raises:
        OSError: it cannot be written; what was there before is still there.
        ValueError: it could not be read back.
    """
    write_whole(path, _checked(content, kind, indent), b"\n")


def _checked(content: object, kind: type[Record], indent: int) -> bytes:
    data = msgspec.json.encode(content, enc_hook=_as_built_in)
    from_json(data, kind)
    return msgspec.json.format(data, indent=indent)


def write_whole(path: Path, *parts: bytes, mode: int = 0o644) -> None:
    """Write a file by way of another name, so that nobody ever reads half of it.

    Args:
        mode: the file's permissions; by default everybody may read it.

    Raises:
        OSError: it cannot be written; what was there before is still there.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            for content in parts:
                file.write(content)
        part.chmod(mode)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _as_built_in(value: object) -> object:
    """A library's own kind of string or number, such as PyTorch's version or NumPy's float64, as what it is."""
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)
    raise NotImplementedError(f"A {type(value).__name__} cannot be written as JSON.")

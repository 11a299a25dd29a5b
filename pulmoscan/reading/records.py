"""JSON files of the program's own, cards and manifests: validated when they are read, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """What a file holds: exactly these fields, of exactly these types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


R = TypeVar("R", bound=Record)


def read_record(path: Path, kind: type[R]) -> R:
    """The record in a JSON file.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it is not such a record.
    """
    return kind.model_validate_json(path.read_bytes())


def write_record(path: Path, record: Record, indent: int = 1) -> None:
    """Write a record as JSON, for `read_record`; fields that hold their default are left out.

    Raises:
        OSError: it cannot be written; what was there before is still there.
    """
    text = record.model_dump_json(indent=indent, exclude_defaults=True, ensure_ascii=False)
    write_whole(path, f"{text}\n".encode())


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

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pulmoscan.reading.records import Record, from_json, read_record, to_json, write_content, write_record


class Point(Record, frozen=True, omit_defaults=True):
    place: float
    name: str = ""
    rest: dict[str, Any] = {}  # noqa: RUF012 - msgspec gives each its own


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_record(tmp_path / "é.json", Point(0.5, "ü"))
    assert (tmp_path / "é.json").read_text(encoding="utf-8") == '{\n "place": 0.5,\n "name": "ü"\n}\n'
    assert read_record(tmp_path / "é.json", Point) == Point(0.5, "ü")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"place": "0.5"}',
        b'{"place": NaN}',
        b'{"place": 1e999}',
        b'{"place": 1, "other": 2}',
        b'{"place": 1, "name": "\xff"}',
        b'{"place": 1, "rest": {"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    ],
    ids=lambda data: data[:24].decode("latin-1"),
)
def test_anything_else_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_json(data, Point)


@pytest.mark.parametrize("place", [math.nan, math.inf])
def test_what_could_not_be_read_back_is_not_written(tmp_path: Path, place: float) -> None:
    path = tmp_path / "point.json"
    write_record(path, Point(1.0))
    with pytest.raises(ValueError, match="place"):
        write_record(path, Point(place))
    assert read_record(path, Point) == Point(1.0)
    assert [file.name for file in tmp_path.iterdir()] == ["point.json"]


def test_strings_and_numbers_of_libraries_are_plain_ones() -> None:
    class Version(str):
        """As PyTorch's."""

    record = Point(np.float64(0.5), Version("a"), {"torch": Version("2.0"), "loss": np.float64(0.25)})
    assert from_json(to_json(record), Point) == Point(0.5, "a", {"torch": "2.0", "loss": 0.25})


def test_one_line_for_journals() -> None:
    assert to_json(Point(1.0, "a\nb")) == b'{"place":1.0,"name":"a\\nb"}'


def test_content_that_is_more_than_the_record_asks_for(tmp_path: Path) -> None:
    class Open(Point, frozen=True, forbid_unknown_fields=False):
        """As a manifest's entries."""

    path = tmp_path / "open.json"
    write_content(path, {"place": 1.0, "seed": 7}, Open)
    assert read_record(path, Open) == Open(1.0)
    assert b'"seed": 7' in path.read_bytes()
    with pytest.raises(ValueError, match="place"):
        write_content(path, {"seed": 7}, Open)

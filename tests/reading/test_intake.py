"""Zip archives and their limits."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

from pulmoscan.errors import (
    ArchiveDamaged,
    ArchiveInArchive,
    ArchiveTooLarge,
    FileNotReadable,
    FileTooLarge,
    MemberNotReadable,
    NoImageInFolder,
)
from pulmoscan.reading import intake
from pulmoscan.reading.intake import archive_items


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def test_images_of_an_archive_in_its_order_and_nothing_else(tmp_path: Path) -> None:
    members = {
        "b.png": b"B",
        "folder/a.JPG": b"A",
        "notes.txt": b"",
        "__MACOSX/._b.png": b"",
        ".DS_Store": b"\0\0\0\1Bud1",
        "folder/IM000001": bytes(128) + b"DICM" + bytes(9),
        "folder/README": b"no DICOM",
    }
    data = zipped(members)
    items = archive_items(io.BytesIO(data), "x.zip")
    assert [(item.name, item.short_name) for item in items] == [
        ("x.zip/b.png", "b.png"),
        ("x.zip/folder/a.JPG", "a.JPG"),
        ("x.zip/folder/IM000001", "IM000001"),
    ]
    assert [item.read()[:1] for item in items] == [b"B", b"A", b"\0"]
    path = tmp_path / "x.zip"
    path.write_bytes(data)
    assert [item.read()[:1] for item in intake.path_items([path])] == [b"B", b"A", b"\0"]


def test_a_member_that_unpacks_to_far_more_than_its_size_is_refused() -> None:
    bomb, harmless = archive_items(io.BytesIO(zipped({"bomb.png": bytes(50 * 2**20), "small.png": b"x"})), "x.zip")
    with pytest.raises(MemberNotReadable, match="as no radiograph does"):
        bomb.read()
    assert harmless.read() == b"x"


def test_a_member_larger_than_a_file_may_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MAX_FILE_BYTES", 1000)
    (item,) = archive_items(io.BytesIO(zipped({"a.png": bytes(1001)}, zipfile.ZIP_STORED)), "x.zip")
    with pytest.raises(FileTooLarge):
        item.read()


def test_a_directory_that_promises_less_than_comes_out_unpacks_no_more() -> None:
    """A bomb may lie about its size; then the checksum fails."""
    data = bytearray(zipped({"a.png": bytes(3 * 2**20)}))
    directory = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, directory + 24, 5000)
    (item,) = archive_items(io.BytesIO(bytes(data)), "x.zip")
    with pytest.raises(MemberNotReadable, match="damaged"):
        item.read()


@pytest.mark.parametrize(("limit", "value", "words"), [("MAX_MEMBERS", 2, "3 files"), ("MAX_UNPACKED_BYTES", 10, "GB")])
def test_too_many_or_too_much(monkeypatch: pytest.MonkeyPatch, limit: str, value: int, words: str) -> None:
    monkeypatch.setattr(intake, limit, value)
    data = zipped({f"{i}.png": b"12345" for i in range(3)})
    with pytest.raises(ArchiveTooLarge, match=words):
        archive_items(io.BytesIO(data), "x.zip")
    (item,) = intake.upload_items("x.zip", data)
    with pytest.raises(ArchiveTooLarge):
        item.read()


def test_an_archive_in_an_archive_is_not_looked_into() -> None:
    inner = zipped({"a.png": b"A"})
    nested, beside = archive_items(io.BytesIO(zipped({"inner.zip": inner, "b.png": b"B"})), "x.zip")
    with pytest.raises(ArchiveInArchive, match="Unpack it first"):
        nested.read()
    assert beside.read() == b"B"


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 not much", zipped({"a.png": b"A"})[:-10]])
def test_damaged_archives(data: bytes) -> None:
    with pytest.raises(ArchiveDamaged):
        archive_items(io.BytesIO(data), "x.zip")


def test_damaged_and_encrypted_members() -> None:
    data = bytearray(zipped({"a.png": b"A" * 100}, zipfile.ZIP_STORED))
    data[data.index(b"AAAA")] ^= 1
    (item,) = archive_items(io.BytesIO(bytes(data)), "x.zip")
    with pytest.raises(MemberNotReadable, match="damaged"):
        item.read()
    data = bytearray(zipped({"a.png": b"A" * 100}))
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    (item,) = archive_items(io.BytesIO(bytes(data)), "x.zip")
    with pytest.raises(MemberNotReadable, match="encrypted"):
        item.read()


def test_what_cannot_be_opened_becomes_an_item_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty.zip").write_bytes(zipped({"notes.txt": b""}))
    (tmp_path / "folder").mkdir()
    items = list(intake.path_items([tmp_path / "none.png", tmp_path / "folder", tmp_path / "empty.zip"]))
    for item, error in zip(items, (FileNotReadable, NoImageInFolder, NoImageInFolder), strict=True):
        with pytest.raises(error):
            item.read()


def test_names_from_windows() -> None:
    assert intake.Item("C:\\ward\\a.png", bytes).short_name == "a.png"


def test_whatever_zipfile_raises_is_a_damaged_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by fuzzing: an extra field that ends too early is an IndexError."""

    def fail(*_: object) -> None:
        raise IndexError("index out of range")

    data = zipped({"a.png": b"A"})
    monkeypatch.setattr(zipfile.ZipInfo, "_decodeExtra", fail)
    with pytest.raises(ArchiveDamaged):
        archive_items(io.BytesIO(data), "x.zip")

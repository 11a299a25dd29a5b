"""Sources of every kind give the same entries, in an order that is always the same, and their bytes."""

from __future__ import annotations

import csv
import io
import tarfile
import zipfile
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pulmoscan.batch.archive.entries import Entry, entries
from pulmoscan.batch.archive.files import Reader
from pulmoscan.batch.archive.places import checked
from pulmoscan.errors import FileNotReadable, FileTooLarge, PlaceRefused, SourceNotListed
from pulmoscan.reading.intake import path_items
from pulmoscan.reading.listing import find_files
from pulmoscan.reading.radiograph import MAX_FILE_BYTES
from tests.pictures import encode, grey8

FILES = {
    f"{folder}{name}.png": seed for seed, (folder, name) in enumerate([("b/", "2"), ("b/", "10"), ("", "a"), ("", "c")])
}


@pytest.fixture(scope="module")
def contents() -> dict[str, bytes]:
    return {name: encode(grey8(seed=seed), "PNG") for name, seed in FILES.items()}


@pytest.fixture
def folder(tmp_path: Path, contents: dict[str, bytes]) -> Path:
    for name, data in contents.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(data)
    return tmp_path / "in"


def zipped(contents: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return stream.getvalue()


def tarred(contents: dict[str, bytes], mode: str = "w:") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as tar:  # type: ignore[call-overload]
        for name, data in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        tar.addfile(link := tarfile.TarInfo("link.png"), None)
        link.type = tarfile.SYMTYPE
    return stream.getvalue()


def read(found: list[Entry]) -> dict[str, bytes]:
    reader = Reader()
    return {entry.file: reader.read(entry) for entry in found}


def test_folder_in_the_order_of_screen(folder: Path, contents: dict[str, bytes]) -> None:
    (folder / "d.zip").write_bytes(zipped({"m/1.png": contents["a.png"], "m/0.png": contents["c.png"]}))
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX" / "x.png").write_bytes(b"x")
    found = list(entries(str(folder)))
    assert [entry.file for entry in found] == [item.name for item in path_items(find_files([str(folder)]))]
    assert [entry.ordinal for entry in found] == list(range(6))
    assert read(found)[f"{folder}/b/2.png"] == contents["b/2.png"]
    assert read(found)[f"{folder}/d.zip/m/0.png"] == contents["c.png"]


def test_relative_paths_are_shown_as_given_and_found_from_anywhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(folder.parent)
    found = list(entries("in"))
    assert found[0].file == "in/a.png"
    monkeypatch.chdir(tmp_path.parent)
    assert read(found[:1])


@pytest.mark.parametrize(("name", "mode"), [("s.tar", "w:"), ("s.tar.gz", "w:gz"), ("s.tgz", "w:gz")])
def test_tar_files(name: str, mode: str, tmp_path: Path, contents: dict[str, bytes]) -> None:
    (tmp_path / name).write_bytes(tarred(contents, mode))
    found = [entry for entry in entries(str(tmp_path / name)) if entry.size]
    shown = {f"{tmp_path / name}/{member}": data for member, data in contents.items()}
    assert read(found) == shown
    assert read(found[::-1]) == shown  # whatever the order, as when a unit is gone on with


def test_object_store(contents: dict[str, bytes]) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe({f"/bucket/{name}": data for name, data in contents.items()})
    memory.pipe("/bucket/shard.zip", zipped(contents))
    found = list(entries("memory://bucket"))
    assert [entry.file for entry in found[:2]] == ["memory://bucket/a.png", "memory://bucket/b/10.png"]
    assert len(found) == 2 * len(contents)
    assert sorted(read(found).values()) == sorted(2 * list(contents.values()))
    memory.rm("/bucket", recursive=True)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_lists_say_what_is_known_of_each_file(kind: str, folder: Path) -> None:
    rows: list[dict[str, str | None]] = [
        {"path": "b/2.png", "label": "pneumonia", "age": "4", "date": "2024-05-17", "site": "A", "else": "x"},
        {"path": str(folder / "a.png"), "label": None, "age": None, "date": None, "site": None, "else": "y"},
        {"path": "gone.png", "label": "", "age": "unknown", "date": "", "site": "", "else": ""},
    ]
    path = folder / f"list.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    first, second, gone = entries(str(path))
    assert (first.label, first.age, first.day, first.site) == ("pneumonia", 4.0, "2024-05-17", "A")
    assert (second.label, second.age, second.day, second.site) == (None, None, None, None)
    assert len(read([first, second])) == 2
    assert gone.age is None
    with pytest.raises(FileNotReadable):
        Reader().read(gone)


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("s3://key:secret@bucket/x", "by the environment"),
        ("https://host/x.zip?X-Amz-Signature=secret", "by the environment"),
        ("reference://x", "Only these"),
        ("filecache::s3://bucket/x", "Only these"),
        ("simplecache::memory://x", "Only these"),
    ],
)
def test_places_that_are_refused(place: str, says: str) -> None:
    with pytest.raises(PlaceRefused, match=says) as refused:
        checked(place)
    assert "secret" not in str(refused.value)


def test_a_list_from_elsewhere_names_no_file_of_this_machine() -> None:
    fsspec.filesystem("memory").pipe("/lists/l.csv", b"path\n/etc/passwd\n")
    with pytest.raises(SourceNotListed, match="files of this machine"):
        list(entries("memory://lists/l.csv"))


@pytest.mark.parametrize("name", ["gone", "gone.csv"])
def test_sources_that_are_not_there(name: str, tmp_path: Path) -> None:
    if name == "gone":
        (entry,) = entries(str(tmp_path / name))
        with pytest.raises(FileNotReadable):
            Reader().read(entry)
    else:
        with pytest.raises(SourceNotListed, match="No such file"):
            list(entries(str(tmp_path / name)))


def test_damaged_containers_are_listed_as_what_they_are(tmp_path: Path) -> None:
    for name in ("a.zip", "b.tar", "c.tgz"):
        (tmp_path / name).write_bytes(b"nothing of the kind" * 50)
    found = list(entries(str(tmp_path)))
    assert [Path(entry.file).name for entry in found] == ["a.zip", "b.tar", "c.tgz"]
    for entry in found:
        with pytest.raises(FileNotReadable, match="damaged"):
            Reader().read(entry)


def test_what_the_list_promises_is_not_believed(tmp_path: Path) -> None:
    with pytest.raises(FileTooLarge):
        Reader().read(Entry(0, "x", "memory://x", size=MAX_FILE_BYTES + 1))
    (tmp_path / "s.tar").write_bytes(tarred({"a.png": b"1234"}))
    entry, *_ = entries(str(tmp_path / "s.tar"))
    (tmp_path / "s.tar").write_bytes(b"12")
    with pytest.raises(FileNotReadable, match="shorter"):
        Reader().read(entry)

"""Folders: what is read, what is passed over, and that each says why."""

from __future__ import annotations

import os
import resource
import stat
import zipfile
from pathlib import Path

import pytest

from pulmoscan.errors import ArchiveTooLarge, FileNotReadable, MemberNotReadable
from pulmoscan.reading import intake
from pulmoscan.reading.files import shown_name
from pulmoscan.reading.intake import path_items
from pulmoscan.reading.listing import PassedOver, find_files
from tests.dicoms import dicom, save
from tests.pictures import encode, grey8
from tests.reading.test_intake import zipped

PNG = encode(grey8(), "PNG")


def names(folder: Path) -> tuple[set[str], dict[str, str]]:
    """What is read of a folder, and what is passed over, by their paths in it."""
    passed_over: list[PassedOver] = []
    items = list(path_items(find_files([str(folder)], passed_over), passed_over))
    return (
        {item.name.removeprefix(f"{folder}/") for item in items},
        {p.name.removeprefix(f"{folder}/"): p.reason for p in passed_over},
    )


def test_the_content_decides_where_the_ending_does_not(tmp_path: Path) -> None:
    """F16."""
    whole = save(dicom())
    bare = whole[144 + int.from_bytes(whole[140:144], "little") :]  # without preamble and file meta
    read = {
        "a.png": PNG,
        "damaged.png": b"no picture at all",
        "chest.jfif": encode(grey8(), "JPEG"),
        "IM1.IMA": save(dicom()),
        "IM2.dc3": save(dicom()),
        "IM3": save(dicom()),
        "bare": bare,
        "scan.webp2": encode(grey8(), "WEBP"),
        "film.bitmap": encode(grey8(), "BMP"),
        ".hidden": encode(grey8(), "TIFF"),
    }
    other = {"notes.txt": b"Dear colleague", "empty": b"", "letter.docx": zipped({"a": b""}), "DICOMDIR": save(dicom())}
    for name, data in {**read, **other}.items():
        (tmp_path / name).write_bytes(data)
    found, passed_over = names(tmp_path)
    assert found == set(read)
    assert set(passed_over) == set(other)
    assert "none of DICOM" in passed_over["notes.txt"]
    archive = tmp_path / "all.zip"
    archive.write_bytes(zipped({**read, **other}))
    left_out: list[PassedOver] = []
    items = intake.archive_items(archive, "all.zip", left_out)
    assert {item.short_name for item in items} == set(read)
    assert {p.name.removeprefix("all.zip/") for p in left_out} == set(other)
    uploads: list[PassedOver] = []
    taken = [i.name for name, data in {**read, **other}.items() for i in intake.upload_items(name, data, uploads)]
    assert set(taken) == set(read)
    assert len(uploads) == len(other)


def test_what_others_leave_behind_is_passed_over(tmp_path: Path) -> None:
    """F20."""
    for name, data in {
        "a.png": PNG,
        "._a.png": b"\0\x05\x16\x07" + bytes(80),
        "@eaDir/a.png/SYNOPHOTO_THUMB_M.jpg": PNG,
        "__MACOSX/b.png": PNG,
        "study1.dcm/c.png": PNG,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    found, passed_over = names(tmp_path)
    assert found == {"a.png", "study1.dcm/c.png"}
    assert set(passed_over) == {"._a.png", "@eaDir", "__MACOSX"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_pipes_and_links(tmp_path: Path) -> None:
    """F24: nothing waits for a pipe, in a folder or named."""
    (tmp_path / "a.png").write_bytes(PNG)
    os.mkfifo(tmp_path / "b.png")
    (tmp_path / "c.png").symlink_to("b.png")
    (tmp_path / "d.png").symlink_to("a.png")
    (tmp_path / "e.png").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to(tmp_path)
    found, passed_over = names(tmp_path)
    assert found == {"a.png", "d.png"}
    assert passed_over == {
        "b.png": "no file but a pipe",
        "c.png": "no file but a pipe",
        "e.png": "a link to nothing",
        "loop": "a link to a folder; name the folder itself to have it read",
    }
    (item,) = path_items(find_files([str(tmp_path / "b.png")]))
    with pytest.raises(FileNotReadable, match="a pipe"):
        item.read()


def test_folders_that_cannot_be_opened_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """F07."""
    closed = tmp_path / "closed"
    closed.mkdir()
    (tmp_path / "a.png").write_bytes(PNG)
    scandir = os.scandir

    def refuse(folder: Path) -> object:
        if Path(folder) == closed:
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr("os.scandir", refuse)
    first, second = path_items(find_files([str(tmp_path)]))
    assert first.read() == PNG
    with pytest.raises(FileNotReadable, match="closed cannot be opened \\(Permission denied"):
        second.read()


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may open everything")
def test_a_folder_of_mode_zero(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    (item,) = path_items(find_files([str(tmp_path)]))
    with pytest.raises(FileNotReadable, match="Permission denied"):
        item.read()
    closed.chmod(stat.S_IRWXU)


def test_a_thousand_archives_take_no_thousand_files(tmp_path: Path) -> None:
    """F09."""
    for number in range(1100):
        (tmp_path / f"{number:04}.zip").write_bytes(zipped({"a.png": b"\x89PNG\r\n\x1a\n", "b.txt": b"x"}))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        items = list(path_items(find_files([str(tmp_path)])))
        assert len(items) == 1100
        assert all(item.read() == b"\x89PNG\r\n\x1a\n" for item in items)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.skipif(os.name != "posix", reason="names of bytes")
def test_names_that_are_no_text(tmp_path: Path) -> None:
    """F11."""
    raw = os.fsencode(tmp_path) + b"/R\xf6ntgen \xe5\xbc\xa0.png"
    Path(os.fsdecode(raw)).write_bytes(PNG)
    (item,) = path_items(find_files([str(tmp_path)]))
    assert item.name.endswith(r"/R\xf6ntgen 张.png")
    item.name.encode("utf-8")
    assert item.read() == PNG


def test_halves_of_characters() -> None:
    assert shown_name("a\ud83d.png") == r"a\ud83d.png"


def test_own_output_is_recognised(tmp_path: Path) -> None:
    """F15: in a folder, an archive, and where it is named or uploaded."""
    from PIL import Image, PngImagePlugin

    info = PngImagePlugin.PngInfo()
    info.add_text("Software", "PulmoScan 1.0")
    exif = Image.Exif()
    exif[0x0131] = "PulmoScan 1.0"
    own = {
        "overlay.png": encode(grey8(), "PNG", pnginfo=info),
        "overlay.jpg": encode(grey8(), "JPEG", exif=exif),
        "capture.dcm": save(dicom(Manufacturer="PulmoScan")),
    }
    for name, data in {"a.png": PNG, **own}.items():
        (tmp_path / name).write_bytes(data)
    found, passed_over = names(tmp_path)
    assert found == {"a.png"}
    assert passed_over == dict.fromkeys(own, "PulmoScan's own output")


def test_a_path_that_may_not_be_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", refuse)
    (item,) = path_items(find_files(["/closed/a.png"]))
    assert item.name == "/closed/a.png"


# Archives


def test_archives_are_open_only_while_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(zipped({"a.png": PNG}))
    (item,) = intake.archive_items(path, "x.zip")
    assert not [fd for fd in Path("/proc/self/fd").iterdir() if fd.exists() and fd.resolve() == path]
    assert item.read() == PNG


def test_a_table_of_contents_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MAX_DIRECTORY_BYTES", 1000)
    with pytest.raises(ArchiveTooLarge, match="table of contents"):
        intake.archive_items(__import__("io").BytesIO(zipped({f"{i}": b"" for i in range(50)})), "x.zip")


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_bomb_that_lies_of_its_size(compression: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    import struct
    import tracemalloc

    monkeypatch.setattr(intake, "MAX_FILE_BYTES", 2**20)
    data = bytearray(zipped({"a.png": bytes(40 * 2**20)}, compression))
    struct.pack_into("<I", data, data.rindex(b"PK\x01\x02") + 24, 5000)
    (item,) = intake.archive_items(io.BytesIO(bytes(data)), "x.zip")
    tracemalloc.start()
    with pytest.raises(MemberNotReadable):
        item.read()
    assert tracemalloc.get_traced_memory()[1] < 150 * 2**20
    tracemalloc.stop()


def test_names_that_climb_out_of_the_archive_write_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A zip slip has nowhere to slip to: members are read into memory, and their names only shown."""
    inside = tmp_path / "inside"
    inside.mkdir()
    monkeypatch.chdir(inside)
    (inside / "x.zip").write_bytes(zipped({"../evil.png": PNG, "/tmp/evil2.png": PNG, "..\\evil3.png": PNG}))
    items = list(path_items(find_files(["x.zip"])))
    assert [item.read() for item in items] == [PNG] * 3
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["inside", "x.zip"]


def test_links_in_an_archive_are_passed_over() -> None:
    import io

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        link = zipfile.ZipInfo("passwd.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("a.png", PNG)
    passed_over: list[PassedOver] = []
    (item,) = intake.archive_items(stream, "x.zip", passed_over)
    assert item.short_name == "a.png"
    assert passed_over == [PassedOver("x.zip/passwd.png", "a link")]

"""The user's own radiographs: added without anything that tells who the patient is, outside the repository."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pulmoscan import cli, settings
from pulmoscan.errors import OwnGalleryInRepository, OwnGalleryNotWritable, UnknownSample
from pulmoscan.gallery import own_samples
from pulmoscan.gallery.samples import MANIFEST_NAME, own_gallery
from pulmoscan.reading.radiograph import load_radiograph
from tests.pictures import encode, grey8, grey16


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PULMOSCAN_SAMPLES", str(tmp_path / "own"))
    return tmp_path / "own"


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_added_radiograph_is_in_the_gallery(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", encode(grey8(), "PNG"))
    (added,) = own_samples.add([path], "pneumonia", "Lobar, as a textbook has it.")
    (sample,) = own_gallery()
    assert sample.path.name == added.file
    assert (sample.label, sample.caption, sample.is_own) == ("pneumonia", "Lobar, as a textbook has it.", True)


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_copy_reads_as_the_file_did(bits: int, tmp_path: Path) -> None:
    picture = grey8() if bits == 8 else grey16(bits)
    path = write(tmp_path / "a.png", encode(picture, "PNG"))
    own_samples.add([path], "normal")
    copy = load_radiograph(own_gallery()[0].path)
    assert copy.source.bits == bits
    np.testing.assert_allclose(copy.pixels, load_radiograph(path).pixels, atol=1e-7)


def test_nothing_that_names_the_patient_is_kept(tmp_path: Path, folder: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "MUELLER^HANNA"  # image description
    exif[0x0112] = 6  # turned: the copy is upright
    path = write(tmp_path / "Mueller_Hanna.jpg", encode(Image.fromarray(grey8(100, 140)), "JPEG", exif=exif.tobytes()))
    own_samples.add([path], "unknown")
    for file in folder.iterdir():
        assert b"ueller" not in file.read_bytes().lower()
        assert "ueller" not in file.name.lower()
    with Image.open(own_gallery()[0].path) as copy:
        assert copy.size == (100, 140)
        assert not copy.getexif()


def test_bad_file_stops_no_other(tmp_path: Path) -> None:
    paths = [
        write(tmp_path / "letter.png", b"%PDF"),
        write(tmp_path / "good.png", encode(grey8(), "PNG")),
        tmp_path / "gone.png",
    ]
    outcomes = own_samples.add(paths, "normal")
    assert [bool(outcome.reason) for outcome in outcomes] == [True, False, True]
    assert len(own_gallery()) == 1


def test_same_radiograph_again_changes_its_label(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", encode(grey8(), "PNG"))
    own_samples.add([path], "normal")
    own_samples.add([path], "pneumonia", "On second thoughts.")
    (sample,) = own_gallery()
    assert (sample.label, sample.caption) == ("pneumonia", "On second thoughts.")


def test_folder_inside_the_repository_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", encode(grey8(), "PNG"))
    inside = settings.REPOSITORY / "test_samples"
    for name in (inside, inside / ".." / "tests"):
        monkeypatch.setenv("PULMOSCAN_SAMPLES", str(name))
        with pytest.raises(OwnGalleryInRepository, match="PULMOSCAN_SAMPLES"):
            own_samples.add([path], "normal")


def test_folder_that_cannot_be_made(folder: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", encode(grey8(), "PNG"))
    folder.write_text("a file")
    with pytest.raises(OwnGalleryNotWritable, match="PULMOSCAN_SAMPLES"):
        own_samples.add([path], "normal")


def test_remove_deletes_what_was_added_and_nothing_else(tmp_path: Path, folder: Path) -> None:
    path = write(tmp_path / "a.png", encode(grey8(), "PNG"))
    (added,) = own_samples.add([path], "normal")
    for name in ("samples.json", f"../{path.name}", "none.png"):
        with pytest.raises(UnknownSample, match="samples list"):
            own_samples.remove(name)
    own_samples.remove(added.file)
    assert path.exists()
    assert own_gallery() == []
    assert [file.name for file in folder.iterdir()] == ["samples.json"]


def test_command_line(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "good.png", encode(grey8(), "PNG"))
    write(tmp_path / "bad.png", b"no image")
    command = ["samples", "add", str(tmp_path / "good.png"), "--label", "normal", "--caption", "A quiet chest."]
    assert cli.main(command) == 0
    assert cli.main(["samples", "add", str(tmp_path / "*.png"), "--label", "normal"]) == 1
    out = capsys.readouterr().out
    assert "1 of 2 added" in out
    assert "not an image file" in out
    assert cli.main(["samples", "list"]) == 0
    out = capsys.readouterr().out
    (file,) = (path.name for path in folder.glob("*.png"))
    assert f"{file}  normal" in out
    assert cli.main(["samples", "remove", file]) == 0
    assert cli.main(["samples", "remove", file]) == 1
    assert "samples list" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["samples"], ["samples", "add", "a.png"], ["samples", "add", "--label", "ill"]])
def test_wrong_usage(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(command)
    assert stopped.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_what_else_a_manifest_says_stays(tmp_path: Path, folder: Path) -> None:
    own_samples.add([write(tmp_path / "a.png", encode(grey8(seed=1), "PNG"))], "normal")
    manifest = folder / MANIFEST_NAME
    (entry,) = json.loads(manifest.read_text())["samples"]
    manifest.write_text(json.dumps({"samples": [{**entry, "scanner": "room 2"}]}))
    own_samples.add([write(tmp_path / "b.png", encode(grey8(seed=2), "PNG"))], "pneumonia")
    first, second = json.loads(manifest.read_text())["samples"]
    assert first == {**entry, "scanner": "room 2"}
    assert second["title"] == "Own 2"

"""The one rule for outputs: names of their own, whole or not there, and taken back where their result was lost."""

from __future__ import annotations

import errno
import json
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulmoscan.errors import FolderNotWritable
from pulmoscan.export import files
from pulmoscan.export.files import OutputFolder, key_of, stem_of, write_new

ENDINGS = (".json", "-report.dcm")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[OutputFolder]:
    made = OutputFolder(tmp_path / "out", ENDINGS)
    yield made
    made.close()


def names(folder: OutputFolder) -> set[str]:
    return {path.name for path in folder.path.iterdir() if not path.name.startswith(".")}


def publish(folder: OutputFolder, stem: str, content: bytes = b"{}") -> None:
    folder.publish(stem, {".json": content}, stem, None)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("IM1", "im1"),
        ("Straße", "STRASSE"),
        ("é", unicodedata.normalize("NFD", "é")),
        ("É", unicodedata.normalize("NFD", "é")),
    ],
)
def test_names_that_some_file_system_takes_for_one_are_one(folder: OutputFolder, one: str, other: str) -> None:
    publish(folder, one)
    assert key_of(one) == key_of(other)
    assert not folder.is_free(other)
    assert folder.is_free(f"{one}2")


def test_a_name_with_any_of_the_endings_is_taken(tmp_path: Path) -> None:
    (tmp_path / "p1-report.dcm").write_bytes(b"another's")
    folder = OutputFolder(tmp_path, ENDINGS)
    assert not folder.is_free("p1"), "or reports of two radiographs would look like those of one"
    folder.close()


def test_what_is_there_stays_as_it_is(folder: OutputFolder) -> None:
    (folder.path / "p1.json").write_bytes(b"came meanwhile")
    with pytest.raises(FileExistsError):
        publish(folder, "p1")
    assert (folder.path / "p1.json").read_bytes() == b"came meanwhile"
    with pytest.raises(FileExistsError):
        write_new(folder.path / "p1.json", b"")
    assert names(folder) == {"p1.json"}, "and nothing half-written lies about"


def test_neither_is_a_link_that_leads_nowhere(folder: OutputFolder) -> None:
    (folder.path / "p1.json").symlink_to(folder.path.parent / "elsewhere")
    with pytest.raises(FileExistsError):
        publish(folder, "p1")
    assert not (folder.path.parent / "elsewhere").exists()


def test_where_there_are_no_hard_links(folder: OutputFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "not on this file system")

    monkeypatch.setattr(os, "link", no_links)
    publish(folder, "p1", b"whole")
    assert (folder.path / "p1.json").read_bytes() == b"whole"
    with pytest.raises(FileExistsError):
        publish(folder, "p1")


@pytest.mark.parametrize("stem", ["a" * 300, "é" * 200, "胸" * 100, "x" * 251])
def test_long_names_are_shortened_to_what_the_file_system_takes(folder: OutputFolder, stem: str) -> None:
    short = folder.shortened(stem)
    assert stem.startswith(short)
    publish(folder, f"{short}-99999")
    assert len(os.fsencode(f"{short}-99999{ENDINGS[1]}")) <= 255


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("ward/IM1.png", "IM1"),
        ("all.zip/..\\..\\IM1.dcm", "IM1"),
        (os.fsdecode(b"caf\xe9.png"), "caf%E9"),
        ("a\nb\u2028.png", "a%0Ab%E2%80%A8"),
        ("a%.png", "a%"),
        ("..", ".."),
        ("", "radiograph"),
    ],
)
def test_stems_can_be_written(name: str, stem: str) -> None:
    assert stem_of(name) == stem
    stem.encode()


def test_a_write_that_fails_leaves_nothing(folder: OutputFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []

    def full(handle: int) -> None:
        synced.append(handle)
        if len(synced) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FolderNotWritable, match="No space left"):
        folder.publish("p1", {".json": b"1", "-report.dcm": b"2"}, "p1", None)
    folder.withdraw()
    assert names(folder) == set()
    assert not list(folder.path.glob("*.part"))


def test_what_concerns_one_file_alone_stops_nothing(folder: OutputFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_large(_: int) -> None:
        raise OSError(errno.EFBIG, "File too large")

    monkeypatch.setattr(os, "fsync", too_large)
    with pytest.raises(OSError, match="File too large") as caught:
        publish(folder, "p1")
    assert not isinstance(caught.value, FolderNotWritable)


class TestKilled:
    """Runs that end without a word: their file handles close, and nothing else happens."""

    @staticmethod
    def die(folder: OutputFolder) -> None:
        os.close(folder._journal)

    def killed(self, path: Path, recorded: bool = False, results: tuple[int, int] | None = (1, 2)) -> None:
        folder = OutputFolder(path, ENDINGS)
        folder.publish("p1", {".json": b"{}"}, "ward/p1.png", results)
        if recorded:
            folder.settle()
        (path / f"{files.PREFIX}{folder._run}-1{files.PART}").write_bytes(b"half")
        self.die(folder)

    def after(
        self, path: Path, *recorded: str, results: tuple[int, int] | None = (1, 2), resume: bool = True
    ) -> set[str]:
        folder = OutputFolder(path, ENDINGS)
        if resume:
            folder.take_back(lambda owner: owner in recorded, results)
        folder.close()
        assert not list(path.glob("*.part")), "half-written files go at the next run"
        return {p.name for p in path.iterdir()}

    def test_what_was_not_recorded_is_taken_back(self, tmp_path: Path) -> None:
        self.killed(tmp_path)
        assert self.after(tmp_path) == set()

    def test_what_was_recorded_stays(self, tmp_path: Path) -> None:
        self.killed(tmp_path)
        assert self.after(tmp_path, "ward/p1.png") == {"p1.json"}
        self.killed(tmp_path / "other", recorded=True)
        assert self.after(tmp_path / "other") == {"p1.json"}

    def test_what_another_has_changed_stays(self, tmp_path: Path) -> None:
        self.killed(tmp_path)
        (tmp_path / "p1.json").write_bytes(b"{1}")
        assert self.after(tmp_path) == {"p1.json"}

    def test_a_run_with_results_of_its_own_takes_nothing_back(self, tmp_path: Path) -> None:
        self.killed(tmp_path)
        assert "p1.json" in self.after(tmp_path, results=(1, 3))
        assert "p1.json" in self.after(tmp_path, resume=False)
        assert self.after(tmp_path) == set(), "the run that goes on still can"

    def test_a_living_run_is_let_be(self, tmp_path: Path) -> None:
        living = OutputFolder(tmp_path, ENDINGS)
        publish(living, "p1")
        assert "p1.json" in self.after(tmp_path)
        living.settle()
        living.close()
        assert {path.name for path in tmp_path.iterdir()} == {"p1.json"}

    def test_a_journal_that_is_damaged_takes_nothing_back(self, tmp_path: Path) -> None:
        self.killed(tmp_path)
        (journal,) = tmp_path.glob("*.journal")
        note = json.loads(journal.read_bytes())
        outside = tmp_path.parent / "outside.json"
        outside.write_bytes(b"{}")
        note["written"] = {"../outside.json": note["written"]["p1.json"]}
        journal.write_text(json.dumps(note))
        self.after(tmp_path)
        assert outside.exists(), "never outside of the folder"
        self.killed(tmp_path / "b")
        (journal,) = (tmp_path / "b").glob("*.journal")
        journal.write_bytes(b"\xff{")
        assert "p1.json" in self.after(tmp_path / "b")

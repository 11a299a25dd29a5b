"""Runs of the command line over whole folders: nothing lost, nothing replaced, nothing stops a run."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset

from pulmoscan import cli
from pulmoscan.batch.outcomes import Outcome
from pulmoscan.batch.output import JsonLines, Table, one_line
from pulmoscan.batch.resume import finished, key
from pulmoscan.reading.files import shown_name
from tests.batch.quick import MODEL, end_of, quick, start
from tests.conftest import REPOSITORY
from tests.dicoms import dicom, save
from tests.pictures import encode, grey8

CASES = REPOSITORY / "tests" / "cases"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def patch() -> Iterator[pytest.MonkeyPatch]:
    with quick() as patch:
        yield patch


@pytest.fixture
def run(patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:  # noqa: ARG001 - nothing is read
    """`screen` with JSON lines, unless told otherwise."""

    def run(*arguments: object, form: str = "json") -> tuple[int, str, str]:
        code = cli.main(["screen", *map(str, arguments), "--model", MODEL, "--format", form])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return code, out, err

    return run


def rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.split("\n") if line]


def picture(seed: int = 0) -> bytes:
    return encode(grey8(120, 130, seed=seed), "PNG")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


class TestNothingIsReplaced:
    @pytest.mark.parametrize("anonymous", [(), ("--anonymous",)])
    def test_f02_a_later_run_keeps_an_earlier_runs_reports(
        self, tmp_path: Path, run: Run, anonymous: tuple[str]
    ) -> None:
        out, done = tmp_path / "o", tmp_path / "d.jsonl"
        flags = ("--report", "json", "--maps", out, "--overlays", out, *anonymous, "--out", out)
        _, first, _ = run(CASES / "F02" / "p1", *flags)
        done.write_text(first)
        kept = {path.name: path.read_bytes() for path in out.iterdir()}
        _, second, _ = run(CASES / "F02", *flags, "--resume", done)
        assert len(rows(second)) == 1
        reports = [json.loads(path.read_bytes()) for path in out.glob("*.json")]
        assert len(reports) == 2
        assert len(names(out)) == 6
        for name, content in kept.items():
            assert (out / name).read_bytes() == content

    def test_f03_neither_an_input_nor_a_foreign_file(self, tmp_path: Path, run: Run) -> None:
        folder = tmp_path / "x"
        folder.mkdir()
        (folder / "p1.png").write_bytes(picture())
        (folder / "p1.pdf").write_bytes(b"another's")
        (folder / "P1.NPY").write_bytes(b"another's")
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        code, *_ = run(folder / "p1.png", "--overlays", folder, "--maps", folder, "--report", "pdf", "--out", folder)
        assert code == 0
        for name, content in before.items():
            assert (folder / name).read_bytes() == content
        assert names(folder) - set(before) == {"p1-2.png", "p1-2.npy", "p1-2.pdf"}

    def test_stems_that_differ_by_case_or_folder_alone(self, tmp_path: Path, run: Run) -> None:
        for seed, name in enumerate(("a/IM1.png", "b/IM1.png", "c/im1.png", "c/IM1.tif")):
            path = tmp_path / "in" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode(grey8(120, 130, seed=seed), "PNG" if name.endswith("png") else "TIFF"))
        _, out, _ = run(tmp_path / "in", "--report", "json", "--out", tmp_path / "o")
        written = {json.loads(path.read_bytes())["file"]: path.stem for path in (tmp_path / "o").iterdir()}
        assert len(rows(out)) == len(names(tmp_path / "o")) == 4
        assert len({stem.lower() for stem in written.values()} | set()) == len(written)

    def test_f15_what_is_written_bears_our_mark(self, tmp_path: Path, run: Run) -> None:
        (tmp_path / "scan.dcm").write_bytes(save(dicom(12, 120, 130)))
        kinds = [flag for name in ("pdf", "dicom-sr", "dicom-sc", "png", "json") for flag in ("--report", name)]
        run(tmp_path / "scan.dcm", *kinds, "--overlays", tmp_path / "o", "--out", tmp_path / "r")
        for path in ((tmp_path / "o" / "scan.png"), (tmp_path / "r" / "scan-overlay.png")):
            with Image.open(path) as image:
                assert image.info["Software"].startswith("PulmoScan ")
        for name in ("scan-report.dcm", "scan-overlay.dcm"):
            assert pydicom.dcmread(tmp_path / "r" / name).Manufacturer == "PulmoScan"
        assert json.loads((tmp_path / "r" / "scan.json").read_bytes())["software"] == "PulmoScan"
        assert b"PulmoScan" in (tmp_path / "r" / "scan.pdf").read_bytes()


class TestOneFileStopsNothing:
    def test_f04_f05_f06_odd_headers(self, tmp_path: Path, run: Run) -> None:
        """Each is reported, named and anonymous, and so is the good file after them."""
        folder = tmp_path / "in"
        folder.mkdir()
        for case in CASES.glob("F0[456]_*.dcm"):
            shutil.copy(case, folder)
        (folder / "zz.png").write_bytes(picture())
        flags = ("--report", "dicom-sr", "--report", "dicom-sc", "--report", "pdf")
        code, out, _ = run(folder, *flags, "--out", tmp_path / "o")
        assert [row["reason"] for row in rows(out)] == [None] * 7
        assert code == 0
        assert len(names(tmp_path / "o")) == 3 * 7
        told = {Path(row["file"]).stem for row in rows(out) if "leave empty" in " ".join(row["warnings"])}
        assert told == {path.stem for path in folder.glob("F0[46]*")}
        code, out, _ = run(folder, *flags, "--anonymous", "--out", tmp_path / "a")
        assert code == 0
        assert len(names(tmp_path / "a")) == 3 * 7
        reports = {
            path.name.removesuffix("-report.dcm"): pydicom.dcmread(path)
            for path in (tmp_path / "o").glob("F*-report.dcm")
        }
        assert reports["F04_dob_19450000"].PatientBirthDate == ""
        assert reports["F04_dob_19450000"].PatientID == "T-0001"
        assert reports["F04_studydate_20240000"].StudyDate == ""
        private = reports["F05_private_sopclass"].CurrentRequestedProcedureEvidenceSequence[0]
        reference = private.ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
        assert reference.ReferencedSOPClassUID == "1.2.840.113619.4.26"
        for name in ("F06_accession_long_1", "F06_accession_long_2"):
            assert reports[name].AccessionNumber == ""
        assert reports["F06_patientid_backslash"].PatientID == ""
        for name, document in reports.items():
            said = " ".join(str(element.value) for element in document.iterall() if element.VR != "SQ")
            assert ("leave empty" in said) == (not name.startswith("F05")), name
            assert "['AB'" not in said

    def test_f25_nested_too_deeply(self, tmp_path: Path, run: Run) -> None:
        deep = Dataset()
        deep.PatientID = "0"
        for _ in range(100):
            outer = Dataset()
            outer.OtherPatientIDsSequence = [deep]
            deep = outer
        folder = tmp_path / "in"
        folder.mkdir()
        for name in ("a", "c"):
            (folder / f"{name}.dcm").write_bytes(save(dicom(12, 120, 130, seed=ord(name))))
        nested = dicom(12, 120, 130, OtherPatientIDsSequence=deep.OtherPatientIDsSequence)
        (folder / "b.dcm").write_bytes(save(nested))
        _, out, _ = run(folder, "--report", "dicom-sr", "--anonymous", "--out", tmp_path / "o")
        found = rows(out)
        assert len(found) == 3
        assert [row["status"] for row in found].count("ok") >= 2
        assert len(names(tmp_path / "o")) == [row["status"] for row in found].count("ok")

    @pytest.mark.parametrize("error", [MemoryError(), RecursionError(), ValueError("Doe^Jane"), OSError(27, "big")])
    def test_whatever_an_export_raises(
        self, tmp_path: Path, run: Run, patch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        for name in ("a", "b"):
            (tmp_path / f"{name}.dcm").write_bytes(save(dicom(12, 120, 130, seed=ord(name))))

        def fail(*_: object) -> None:
            raise error

        patch.setattr("pulmoscan.export.dicom_sr.structured_report", fail)
        flags = ("--report", "dicom-sr", "--report", "json", "--out", tmp_path / "o")
        code, out, err = run(tmp_path / "a.dcm", tmp_path / "b.dcm", *flags)
        assert code == 1
        for row in rows(out):
            assert row["status"] == "error"
            assert type(error).__name__ in row["reason"]
            assert row["probability"] is not None
        assert "Doe" not in out + err
        assert names(tmp_path / "o") == {"a.json", "b.json"}, "what can be made is"
        done = tmp_path / "done"
        done.write_text(out)
        assert rows(run(tmp_path / "a.dcm", tmp_path / "b.dcm", *flags, "--resume", done)[1]) == [], "resume gets past"

    def test_f10_long_names(self, tmp_path: Path, run: Run) -> None:
        for letter in "ab":
            (tmp_path / f"{'x' * 246}{letter}.png").write_bytes(picture(ord(letter)))
        code, out, _ = run(tmp_path, "--report", "json", "--report", "dicom-sr", "--out", tmp_path / "o")
        assert code == 0
        assert len(names(tmp_path / "o")) == 4
        assert len(rows(out)) == 2


ODD = (
    os.fsdecode(b"caf\xe9.png"),
    "a\u2028b.png",
    "a\x85b.png",
    "a\nb.png",
    "a\tb.png",
    'a"b,c.png',
    "=1+1.png",
    "胸部é.png",
)


@pytest.mark.parametrize("form", ["json", "csv", "table"])
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii"])
def test_f11_f21_names_that_no_encoding_holds(
    tmp_path: Path, patch: pytest.MonkeyPatch, form: str, encoding: str
) -> None:
    """Written escaped where they must be; a resumed run finds them all, and the reports are there."""
    folder = tmp_path / "in"
    folder.mkdir()
    for seed, name in enumerate(ODD):
        (folder / name).write_bytes(picture(seed))
    patch.chdir(folder)
    flags = ["screen", *sorted(ODD), "--model", MODEL, "--format", form]

    def printed(*more: str) -> bytes:
        raw = io.BytesIO()
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding, errors="strict", newline="\n"))
            assert cli.main([*flags, *more]) == 0
            sys.stdout.flush()
            return raw.getvalue()

    data = printed("--report", "json", "--out", str(tmp_path / "o"))
    assert len(names(tmp_path / "o")) == len(ODD)
    data.decode(encoding)
    if form == "table":
        return
    assert len(data.split(b"\n")) == len(ODD) + 1 + (form == "csv")
    (tmp_path / "done").write_bytes(data)
    with pytest.MonkeyPatch.context() as inner:
        inner.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
        done = finished(tmp_path / "done", MODEL)
    assert {key(shown_name(name)) for name in ODD} == set(done)
    if form == "csv":
        table = list(csv.DictReader(io.StringIO(data.decode(encoding), newline="")))
        assert len(table) == len(ODD)


def test_a_cut_line_with_an_open_quotation_mark_swallows_nothing(tmp_path: Path) -> None:
    heading = "file,status,model,probability,threshold,label,population,lung_attention,warnings,reason,milliseconds"
    cut = 'a.png,error,resnet18,,,,,,,"Broken, qu'
    (tmp_path / "d").write_text(f"{heading}\n{cut}\nb.png,ok,resnet18,0.1,0.3,normal,child,,,,5.0\n")
    assert finished(tmp_path / "d", MODEL) == {"b.png": "ok"}


def test_one_line_is_one_to_everybody() -> None:
    assert one_line("a\nb\r\t\x85\u2028\x1b[2J é胸") == "a\\nb\\r\\t\\x85\\u2028\\x1b[2J é胸"
    for writer in (JsonLines, Table):
        stream = io.StringIO()
        writer(stream).write(Outcome("a\u2028\x85\n\x1b.png", "error", MODEL, reason="a\nb"))
        assert "\x1b" not in stream.getvalue()
        assert "\u2028" not in stream.getvalue()


class TestFaults:
    """A run in a process of its own that is killed or runs out of space, and the run that goes on."""

    KINDS = ("--report", "json", "--report", "dicom-sr")
    N = 6

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "in"
        folder.mkdir()
        for i in range(self.N):
            (folder / f"{i}.dcm").write_bytes(save(dicom(12, 120, 130, seed=i)))
        return folder

    def start(self, folder: Path, done: Path, out: Path, **faults: Any) -> int:
        resumed = ["--resume", str(done)] if done.exists() else []
        flags = ["--model", MODEL, "--format", "json", *self.KINDS, "--out", str(out), *resumed]
        return start(["screen", str(folder), *flags], done, folder.parent / "said", **faults)

    def ends(self, folder: Path, done: Path, out: Path, **faults: Any) -> tuple[int, str]:
        """Exit code, and what was said."""
        said = folder.parent / "said"
        said.write_bytes(b"")
        code = end_of(self.start(folder, done, out, **faults))
        assert b"Traceback" not in said.read_bytes()
        return code, said.read_text()

    def check(self, done: Path, out: Path, complete: bool = True) -> None:
        """What is on disk is what the results say, each radiograph once."""
        recorded = [row["file"] for row in _whole_rows(done)]
        assert max(Counter(recorded).values(), default=1) == 1, "nothing twice"
        if complete:
            assert len(recorded) == self.N, "nothing lost"
            assert not [name for name in names(out) if name.startswith(".")]
            stems = {Path(file).stem for file in recorded}
            assert names(out) == {f"{stem}{ending}" for stem in stems for ending in (".json", "-report.dcm")}

    def test_killed_at_every_moment(self, folder: Path, tmp_path: Path) -> None:
        done, out = tmp_path / "done.jsonl", tmp_path / "out"
        for moment in ("write:3", "name:2", "record:2", "half a row:1", "settle:2"):
            code, _ = self.ends(folder, done, out, die=moment)
            assert code == -9, moment
            self.check(done, out, complete=False)
        assert self.ends(folder, done, out)[0] == 0
        self.check(done, out)
        before = {path.name: path.read_bytes() for path in out.iterdir()}
        code, said = self.ends(folder, done, out)
        assert (code, f"{self.N} of {self.N}" in said) == (0, True)
        assert {path.name: path.read_bytes() for path in out.iterdir()} == before

    def test_asked_to_end(self, folder: Path, tmp_path: Path) -> None:
        done, out = tmp_path / "done.jsonl", tmp_path / "out"
        process = self.start(folder, done, out)
        deadline = time.monotonic() + 300
        while not _whole_rows(done) and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(process, signal.SIGTERM)
        assert end_of(process) in (0, 143)
        assert "Traceback" not in (tmp_path / "said").read_text()
        self.check(done, out, complete=False)
        assert self.ends(folder, done, out)[0] == 0
        self.check(done, out)

    def test_files_that_are_too_large_are_those_files_errors(self, folder: Path, tmp_path: Path) -> None:
        done, out = tmp_path / "done.jsonl", tmp_path / "out"
        code, _ = self.ends(folder, done, out, largest=3500)
        found = _whole_rows(done)
        assert (code, len(found)) == (1, self.N)
        assert all("could not be written" in row["reason"] for row in found)
        assert names(out) == set()

    def test_a_full_disk_stops_the_run_and_nothing_is_lost(self, folder: Path, tmp_path: Path) -> None:
        out, done = tmp_path / "small", tmp_path / "done.jsonl"
        out.mkdir()
        try:
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o", "size=40k", "none", str(out)], check=True, capture_output=True
            )
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("a small file system cannot be mounted here")
        try:
            code, said = self.ends(folder, done, out)
            assert code == 1
            assert "No space left" in said
            assert "--resume" in said
            recorded = {Path(row["file"]).stem for row in _whole_rows(done)}
            assert 0 < len(recorded) < self.N
            assert {n for n in names(out) if n[0] != "."} == {
                f"{stem}{ending}" for stem in recorded for ending in (".json", "-report.dcm")
            }
            subprocess.run(["mount", "-o", "remount,size=4m", str(out)], check=True)
            assert self.ends(folder, done, out)[0] == 0
            self.check(done, out)
        finally:
            subprocess.run(["umount", str(out)], check=True)


def _whole_rows(done: Path) -> list[dict[str, Any]]:
    found = []
    for line in done.read_bytes().split(b"\n") if done.exists() else []:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        found.append(row)
    return found

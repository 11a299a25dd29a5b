"""`accept` from the table to the report: faults by row, a run that stopped, limits that stay, a second model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pulmoscan import cli
from pulmoscan.batch import outcomes
from pulmoscan.reading.intake import Item
from pulmoscan.site.cases import read_journal
from tests.dicoms import dicom, save
from tests.pictures import encode, grey8

pytestmark = pytest.mark.usefixtures("models")
N = 14


@pytest.fixture
def ward(tmp_path: Path) -> Path:
    """A folder of radiographs, one a DICOM file of a child, one damaged, one there twice; and their labels."""
    folder = tmp_path / "ward"
    folder.mkdir()
    rows = ["file,label,patient,age,boxes"]
    for number in range(N):
        (folder / f"{number}.png").write_bytes(encode(grey8(250, 260, seed=number), "PNG"))
        box = '"[[0.1, 0.1, 0.5, 0.5]]"' if number % 2 else ""
        rows.append(f"{number}.png,{number % 2},p{number},{50 if number else 4},{box}")
    header: dict[str, Any] = {"PatientAge": "004Y", "PatientSex": "F"}
    header |= {"Manufacturer": "Acme", "PatientID": "secret-4711"}
    (folder / "child.dcm").write_bytes(save(dicom(12, 300, 260, **header)))
    (folder / "twice.png").write_bytes((folder / "1.png").read_bytes())
    (folder / "bad.png").write_bytes((folder / "2.png").read_bytes()[:500])
    rows += ["child.dcm,1,,,", "twice.png,1,,,", "bad.png,0,,,"]
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def run(ward: Path, *options: str, out: str = "out", model: str = "resnet18") -> int:
    labels = ["--labels", str(ward / "labels.csv"), "--out", str(ward / out), "--model", model]
    return cli.main(["accept", str(ward / "ward"), *labels, *options])


def test_report_and_what_every_case_rests_on(ward: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ward, "--limit", "refused<=60%", "--prevalence", "10%") == 0
    said = capsys.readouterr().out
    assert "17 labelled files, 15 of them screened (8 with pneumonia, 7 without)" in said
    assert "1 failed, 0 of them with pneumonia" in said
    assert "1 hold the same bytes as another" in said
    assert "Every limit that was stated beforehand is met." in said
    report = json.loads((ward / "out" / "acceptance.json").read_bytes())
    assert report["prevalence"] == 0.1
    assert (ward / "out" / "acceptance.pdf").read_bytes().startswith(b"%PDF")
    written, cases = read_journal(ward / "out" / "cases.jsonl")
    assert written.model == "resnet18"
    by_name = {Path(case.file).name: case for case in cases}
    child = by_name["child.dcm"]
    assert (child.population, child.age, child.sex, child.manufacturer) == ("child", 4, "female", "Acme")
    assert (by_name["0.png"].population, by_name["1.png"].population) == ("child", "adult")  # by the table's ages
    assert by_name["0.png"].threshold != by_name["1.png"].threshold
    assert by_name["1.png"].in_boxes is not None
    assert by_name["twice.png"].duplicate_of.endswith("1.png")
    assert b"secret-4711" not in (ward / "out" / "cases.jsonl").read_bytes()


def test_faults_stop_before_anything_is_screened(ward: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (ward / "labels.csv").open("a") as file:
        file.write("gone.png,1,,,\n3.png,0,,,\n4.png,what,,,\n")
    assert run(ward) == 1
    said = capsys.readouterr().err
    for fault in (
        "Row 19: there is no file “gone.png”",
        "Row 20: names the same file as row 5",
        "Row 21: the label is",
    ):
        assert fault in said
    assert "nothing was screened" in said
    assert not (ward / "out").exists()
    assert run(ward, "--skip-faulty") == 0
    assert "3 rows of the table were left out" in capsys.readouterr().out


def test_a_run_that_stopped_goes_on(
    ward: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = outcomes.load
    calls: list[str] = []

    def stopping(item: Item) -> object:
        calls.append(item.name)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return whole(item)

    monkeypatch.setattr(outcomes, "load", stopping)
    assert run(ward) == 130
    done = len(read_journal(ward / "out" / "cases.jsonl")[1])
    assert 0 < done < 8
    with (ward / "out" / "cases.jsonl").open("a") as file:
        file.write('{"row": 3, "fi')  # a line that was cut short
    monkeypatch.setattr(outcomes, "load", whole)
    capsys.readouterr()
    assert run(ward) == 0
    assert f"{done} of 17 files are done already." in capsys.readouterr().err
    _, cases = read_journal(ward / "out" / "cases.jsonl")
    assert len({case.file for case in cases}) == len(cases) == 17


def test_limits_stay_as_they_were_stated(ward: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ward, "--limit", "auc>=0.99") == 1
    assert "Not accepted" in capsys.readouterr().out
    assert run(ward, "--limit", "auc>=0.1") == 1
    assert "states other limits than these" in capsys.readouterr().err
    # Who says nothing of them, to have a profile written say, means those that were stated.
    assert run(ward) == 1
    assert "AUC at least 0.990" in capsys.readouterr().out
    (ward / "out" / "limits.json").write_text('{"limits": ["luck>=1"]}')
    assert run(ward) == 1
    assert "states other limits than these" in capsys.readouterr().err


@pytest.mark.parametrize("heading", [b"", b'{"model": "resn', "{“".encode()[:-1]])
def test_killed_while_it_began(ward: Path, heading: bytes) -> None:
    (ward / "out").mkdir()
    (ward / "out" / "cases.jsonl").write_bytes(heading)
    assert run(ward) == 0
    assert len(read_journal(ward / "out" / "cases.jsonl")[1]) == 17


def test_killed_within_a_letter(ward: Path) -> None:
    assert run(ward) == 0
    journal = ward / "out" / "cases.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole + '{"row": 3, "file": "Müller'.encode()[:-5])
    assert run(ward) == 0
    assert journal.read_bytes() == whole


def test_another_model_against_it(ward: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ward) == 0
    assert run(ward, model="resnet50") == 1
    assert "belongs to another run (different: model, weights_sha256)" in capsys.readouterr().err
    assert run(ward, "--against", str(ward / "out"), out="second", model="resnet50") == 0
    said = capsys.readouterr().out
    assert "Against resnet18" in said
    assert "resnet18 → resnet50" in said
    assert json.loads((ward / "second" / "acceptance.json").read_bytes())["parity"]["n"] == 15
    # What was stated of the first run holds for the other, unless something else is.
    assert run(ward, "--limit", "auc>=0.1", "--prevalence", "10%", out="stated") in (0, 1)
    assert run(ward, "--against", str(ward / "stated"), out="by those", model="resnet50") in (0, 1)
    report = json.loads((ward / "by those" / "acceptance.json").read_bytes())
    assert (report["asked"]["limits"], report["prevalence"]) == ([{"name": "auc", "at_least": 0.1}], 0.1)
    capsys.readouterr()
    # What cannot be compared is told before anything is screened.
    other = ward / "other.jsonl"
    other.write_text((ward / "out" / "cases.jsonl").read_text().replace(f"{ward}/ward/", "elsewhere/x"))
    assert run(ward, "--against", str(other), out="third") == 1
    assert "share no screened file" in capsys.readouterr().err
    assert len((ward / "third" / "cases.jsonl").read_text().splitlines()) == 1


def test_bytes_that_were_screened_before_the_stop_count_once(ward: Path) -> None:
    assert run(ward) == 0
    journal = ward / "out" / "cases.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    assert sum("duplicate_of" in line for line in lines) == 1
    journal.write_text("".join(line for line in lines if "duplicate_of" not in line))
    assert run(ward) == 0
    assert sum("duplicate_of" in line for line in journal.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--labels", "nowhere.csv"), "cannot be opened"),
        (("--limit", "luck>=1"), "is no limit"),
        (("--against", "nowhere"), "no journal of cases"),
    ],
)
def test_wrong_usage_is_told(
    ward: Path, options: tuple[str, ...], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(ward, *options) == 1
    assert why in capsys.readouterr().err

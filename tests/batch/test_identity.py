"""What leaves with `--anonymous` holds nothing of any source: every byte of it is looked through."""

from __future__ import annotations

import inspect
import io
import json
import shutil
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pydicom
import pytest
from pydicom.datadict import DicomDictionary, keyword_for_tag
from pydicom.dataset import Dataset

from pulmoscan import cli, errors
from pulmoscan.batch.pseudonyms import Pseudonyms, pseudonyms
from pulmoscan.errors import RadiographError
from pulmoscan.examination.gate import Refusal
from tests.batch.quick import MODEL, quick
from tests.conftest import REPOSITORY
from tests.dicoms import dicom, save
from tests.every_byte import every_byte, holds
from tests.pictures import encode, grey8

CASES = REPOSITORY / "tests" / "cases"
WORD, DAY, NUMBER = "QZPLANT", "19441231", "424242424242"
PLANTED = (WORD, DAY, "1944-12-31", NUMBER)
FORMATS = ("pdf", "dicom-sr", "dicom-sc", "png", "json")
KEPT = (
    "SpecificCharacterSet",
    "Modality",
    "PhotometricInterpretation",
    "BodyPartExamined",
    "ViewPosition",
    "VOILUTFunction",
    "PresentationLUTShape",
    "SOPClassUID",
)
"""Without these the file is no radiograph."""
VALUES: dict[str, Any] = {
    "DA": DAY,
    "DT": f"{DAY}101112",
    "UI": f"1.2.{NUMBER}.3",
    **dict.fromkeys(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"), WORD),
}


def planted(picture: int = 0, **more: Any) -> Dataset:
    """A radiograph whose every element of text, day or identifier is planted: also in sequences and private ones."""
    dataset = dicom(12, 256, 240, seed=picture, **more)
    item = Dataset()
    for tag, (vr, *_) in DicomDictionary.items():
        group, keyword = tag >> 16, keyword_for_tag(tag)
        if not 0x0008 <= group < 0x5000 or not keyword or keyword in (*KEPT, *more) or vr not in VALUES:
            continue
        dataset.add_new(tag, vr, VALUES[vr])
        if group in (0x0010, 0x0008):
            item.add_new(tag, vr, VALUES[vr])
    dataset.PatientOrientation = [WORD, WORD]
    for sequence in ("ReferencedStudySequence", "RequestAttributesSequence", "OtherPatientIDsSequence"):
        setattr(dataset, sequence, [item])
    dataset.private_block(0x0011, WORD, create=True).add_new(1, "LO", WORD)
    dataset.add_new(0x60001500, "LO", WORD)  # an overlay's label
    dataset.add_new(0x60000022, "LO", WORD)
    return dataset


@pytest.fixture
def quickly() -> Iterator[None]:
    """No model is loaded."""
    with quick():
        yield


@pytest.fixture
def patients(tmp_path: Path) -> Path:
    """A folder that names its patients in every way: good radiographs, the same twice, refused and broken ones."""
    folder = tmp_path / f"{WORD}_{DAY}"
    folder.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        good = save(planted())
        (folder / f"{WORD} {NUMBER}.dcm").write_bytes(good)
        (folder / f"{WORD} again.dcm").write_bytes(good)
        (folder / f"{WORD}-view.dcm").write_bytes(save(planted(1, ViewPosition=WORD)))
        (folder / f"{WORD}-part.dcm").write_bytes(save(planted(2, BodyPartExamined=WORD)))
        (folder / f"{WORD}-kind.dcm").write_bytes(save(planted(3, Modality=WORD)))
    (folder / f"{WORD}.png").write_bytes(encode(grey8(240, 260), "PNG"))
    (folder / f"{WORD}-broken.png").write_bytes(b"nothing of a picture")
    with zipfile.ZipFile(folder / f"{WORD}.zip", "w") as archive:
        archive.writestr(f"{WORD}/{DAY}.png", encode(grey8(240, 250, seed=5), "PNG"))
    return folder


def screen(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = cli.main(["screen", *map(str, arguments), "--model", MODEL, "--anonymous"])
    return code, *capfd.readouterr()


@pytest.mark.usefixtures("quickly")
def test_nothing_that_leaves_names_anybody(patients: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    reports = [flag for name in FORMATS for flag in ("--report", name)]
    folders = ("--out", out, "--maps", out / "maps", "--overlays", out / "overlays")
    gone = (patients / f"{WORD}.zip", patients / f"{WORD}-none.png")
    code, printed, said = screen(capfd, patients, *gone, *reports, *folders, "--format", "json")
    rows = [json.loads(line) for line in printed.splitlines()]
    assert code == 1
    assert [row["status"] for row in rows].count("ok") == 4
    assert [row["status"] for row in rows].count("refused") == 3
    written = [path for path in out.rglob("*") if path.is_file()]
    assert len(written) == 4 * (len(FORMATS) + 2)
    for path in written:
        for word in PLANTED:
            assert not holds(path.read_bytes(), word), f"{path.name} holds {word}"
            assert word.lower() not in path.relative_to(out).as_posix().lower()
    # The results, in all three forms, and what was said beside them.
    stems = {path.name.removesuffix(".npy") for path in written if path.suffix == ".npy"}
    assert {row["file"] for row in rows if row["status"] == "ok"} == stems, "the results lead to the reports"
    for form in ("csv", "table"):
        _, more, aside = screen(capfd, patients, *gone, "--format", form)
        printed, said = printed + more, said + aside
    for word in PLANTED:
        assert word.lower() not in printed.lower()
        assert word.lower() not in said.lower()
    same = [row for row in rows if any("very same file" in warning for warning in row["warnings"])]
    assert len(same) == 1
    assert same[0]["warnings"][-1].removeprefix("The very same file as ").rstrip(".") in stems


@pytest.mark.usefixtures("quickly")
def test_f01_a_duplicate_is_told_without_its_path(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    flags = ("--report", "json", "--report", "dicom-sr", "--report", "pdf", "--out", tmp_path)
    code, printed, said = screen(capfd, CASES / "F01", *flags)
    assert code == 0
    assert "DOE" not in printed + said
    reports = [path for path in tmp_path.iterdir() if path.is_file()]
    assert len(reports) == 6
    for path in reports:
        assert not holds(path.read_bytes(), "DOE_JANE")
        assert "DOE" not in path.name


@pytest.mark.usefixtures("quickly")
def test_an_anonymous_run_can_be_resumed_over_other_folders(
    patients: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(patients)
    for name in ("p2", "p3"):
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "IM1.png").write_bytes(encode(grey8(240, 260, seed=len(name)), "PNG"))
    flags = ("--format", "json", "--report", "json", "--out", tmp_path / "out")
    _, first, _ = screen(capfd, tmp_path / "in" / "p3", *flags)
    (tmp_path / "done").write_text(first)
    _, second, said = screen(capfd, tmp_path / "in", *flags, "--resume", tmp_path / "done")
    assert "1 of 2 files are done already" in said
    rows = [json.loads(line) for line in (first + second).splitlines()]
    assert len({row["file"] for row in rows}) == 2
    assert {path.stem for path in (tmp_path / "out").iterdir()} == {row["file"] for row in rows}


def test_what_is_looked_through_is_unpacked() -> None:
    """The search itself finds what is hidden in compressed parts."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo
    from reportlab.pdfgen.canvas import Canvas

    info = PngInfo()
    info.add_itxt("note", WORD * 50, zip=True)
    png = io.BytesIO()
    Image.new("L", (8, 8)).save(png, "PNG", pnginfo=info)
    pdf = io.BytesIO()
    canvas = Canvas(pdf, pageCompression=1)
    canvas.drawString(50, 50, WORD)
    canvas.save()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", json.dumps({"name": WORD}))
    for data in (png.getvalue(), pdf.getvalue(), packed.getvalue()):
        assert WORD.encode() not in data
        assert holds(data, WORD)
    assert WORD.encode() in every_byte(save(dicom(8, PatientName=WORD)))


def subclasses(kind: type) -> set[type]:
    return {kind} | {sub for direct in kind.__subclasses__() for sub in subclasses(direct)}


def test_no_error_quotes_a_file_where_it_should_not() -> None:
    """Also one that is added later; those that take a text of our own are listed here."""

    ours = {"ArchiveTooLarge", "MemberNotReadable", "NotDecoded", "UnsupportedFormat"}
    looked = 0
    for kind in subclasses(RadiographError) - {RadiographError, errors.UnsuitableRadiograph}:
        if kind.__name__ in ours or "__init__" not in vars(kind) or not kind.__module__.startswith("pulmoscan"):
            continue
        hints = get_type_hints(kind.__init__, {**vars(errors), "Refusal": Refusal})
        names = [name for name in inspect.signature(kind).parameters if name in hints]
        if any(hints[name] is Refusal for name in names):
            continue
        arguments = [7 if hints[name] in (int, float) else WORD for name in names]
        try:
            error = kind(*arguments)
        except TypeError:
            continue
        assert WORD not in error.anonymous, kind.__name__
        looked += 1
    assert looked > 15


class TestNames:
    def test_are_the_same_in_every_run_and_no_guess_can_be_tried_out(self, tmp_path: Path) -> None:
        first, second = (pseudonyms(tmp_path / "below" / "key") for _ in range(2))
        assert first.of("a/DOE.dcm") == second.of("a/DOE.dcm") != first.of("b/DOE.dcm")
        assert first.lasting
        assert first.of("a") != Pseudonyms(b"another secret, of another user").of("a")
        assert (tmp_path / "below" / "key").stat().st_mode & 0o077 == 0
        assert "secret" not in repr(first)

    def test_hold_for_the_run_alone_where_no_secret_can_be_kept(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        assert not pseudonyms(tmp_path / "file" / "key").lasting


@pytest.mark.usefixtures("quickly")
def test_the_log_quotes_no_header(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ValueError(f"not a valid value: {WORD}")

    path = tmp_path / "a.dcm"
    path.write_bytes(save(dicom(12, 256, 240)))
    monkeypatch.setattr("pulmoscan.export.formats.json_report", fail)
    monkeypatch.setattr("pulmoscan.export.study.handed_on", fail)
    code, out, said = screen(capfd, path, "--report", "dicom-sr", "--out", tmp_path / "out", "--format", "json")
    assert code == 1
    row = json.loads(out)
    assert row["status"] == "error"
    assert "DICOM report could not be made (ValueError)" in row["reason"]
    assert row["probability"] is not None, "it was screened all the same"
    assert "ValueError at" in caplog.text
    assert WORD not in out + said + caplog.text


@pytest.mark.parametrize("case", sorted(CASES.glob("F0[456]_*.dcm")), ids=lambda path: path.stem)
def test_cases_are_radiographs(case: Path) -> None:
    assert pydicom.dcmread(case).Rows > 64

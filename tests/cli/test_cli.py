"""The command line's contract: outputs, exports, exit codes, and that no traceback reaches the terminal."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from pulmoscan import cli
from pulmoscan.examination.lungs import LungReader
from pulmoscan.reading.listing import find_files
from tests.chest_views import chest_view
from tests.dicoms import dicom, save

JSON_FIELDS = [
    "file",
    "status",
    "model",
    "probability",
    "threshold",
    "label",
    "population",
    "lung_attention",
    "warnings",
    "reason",
    "milliseconds",
    "precision",
    "triage",
    "site",
    "site_probability",
]
HEIGHT, WIDTH = 300, 260


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with two good images, one of them in a subfolder, and files that cannot be screened."""
    folder = tmp_path / "in"
    (folder / "below").mkdir(parents=True)
    noise = np.random.default_rng(3).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "good.png")
    Image.fromarray(noise.T).save(folder / "below" / "good.png")
    Image.new("L", (300, 300), 7).save(folder / "blank.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not much of a JPEG")
    (folder / "notes.txt").write_text("not an image, and not looked at")
    return folder


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = cli.main([str(a) for a in arguments])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.out + captured.err
    return code, captured.out, captured.err


@pytest.mark.usefixtures("models")
class TestScreen:
    def test_json_is_one_object_a_line_and_bad_files_stop_nothing(
        self, pictures: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        code, out, _ = run(capsys, "screen", pictures, "--model", "resnet18", "--format", "json")
        rows = {Path(row["file"]).relative_to(pictures).as_posix(): row for row in map(json.loads, out.splitlines())}
        assert code == 1
        assert {name: row["status"] for name, row in rows.items()} == {
            "below/good.png": "ok",
            "blank.png": "refused",
            "broken.jpg": "error",
            "good.png": "ok",
        }
        for row in rows.values():
            assert list(row) == JSON_FIELDS
        good = rows["good.png"]
        assert 0 < good["probability"] <= 1
        assert good["label"] == ("pneumonia" if good["probability"] >= good["threshold"] else "normal")
        assert good["population"] == "unknown"
        assert any("age is unknown" in warning for warning in good["warnings"])
        assert 0 <= good["lung_attention"] <= 1
        assert good["milliseconds"] > 0
        assert "same value" in rows["blank.png"]["reason"]
        assert rows["blank.png"]["probability"] is None

    def test_exit_code_is_zero_when_every_file_was_read(
        self, pictures: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        code, out, err = run(capsys, "screen", pictures / "good.png", "--model", "resnet18", "--population", "adult")
        assert code == 0
        assert "good.png" in out
        assert "adult" in out
        assert "Not a medical device" in err

    def test_what_is_no_chest_is_refused_unless_the_gate_is_overruled(
        self, pictures: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(LungReader, "look", lambda *_: chest_view(chest=0.01))
        good = pictures / "good.png"
        code, out, _ = run(capsys, "screen", good, "--model", "resnet18", "--format", "json")
        row = json.loads(out)
        assert (code, row["status"], row["probability"]) == (1, "refused", None)
        assert "does not look like a frontal chest radiograph" in row["reason"]
        code, out, _ = run(capsys, "screen", good, "--model", "resnet18", "--format", "json", "--no-gate")
        row = json.loads(out)
        assert (code, row["status"], row["reason"]) == (0, "ok", None)
        assert 0 < row["probability"] <= 1
        assert "although it was refused" in row["warnings"][0]

    @pytest.mark.parametrize(("threshold", "label"), [("0", "pneumonia")])
    def test_threshold_decides(
        self, pictures: Path, capsys: pytest.CaptureFixture[str], threshold: str, label: str
    ) -> None:
        _, out, _ = run(
            capsys,
            "screen",
            pictures / "good.png",
            "--model",
            "resnet50",
            "--threshold",
            threshold,
            "--format",
            "json",
        )
        assert json.loads(out)["label"] == label
        assert json.loads(out)["threshold"] == float(threshold)

    def test_csv_has_the_same_fields_and_defuses_formulas(
        self, pictures: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (pictures / "good.png").rename(pictures / "=cmd.png")
        monkeypatch.chdir(pictures)
        _, out, _ = run(capsys, "screen", "=cmd.png", "blank.png", "--model", "resnet18", "--format", "csv")
        rows = list(csv.DictReader(io.StringIO(out)))
        assert list(rows[0]) == JSON_FIELDS
        assert [row["file"] for row in rows] == ["'=cmd.png", "blank.png"]
        assert rows[1]["probability"] == ""

    def test_maps_and_overlays_have_the_radiographs_size_and_names_of_their_own(
        self, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        maps, overlays = tmp_path / "maps", tmp_path / "overlays"
        run(capsys, "screen", pictures, "--model", "resnet18", "--maps", maps, "--overlays", overlays)
        assert sorted(p.name for p in maps.iterdir()) == ["good-2.npy", "good.npy"]
        shapes = set()
        for name in ("good", "good-2"):
            heat = np.load(maps / f"{name}.npy")
            assert heat.dtype == np.float32
            assert 0 <= heat.min() <= heat.max() <= 1
            assert Image.open(overlays / f"{name}.png").size == heat.shape[::-1]
            shapes.add(heat.shape)
        assert shapes == {(HEIGHT, WIDTH), (WIDTH, HEIGHT)}

    def test_reports_are_written_beside_one_another_with_names_of_their_own(
        self, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (pictures / "scan.dcm").write_bytes(save(dicom(12)))
        flags = [flag for kind in ("pdf", "dicom-sr", "dicom-sc", "json") for flag in ("--report", kind)]
        code, _, _ = run(capsys, "screen", pictures, "--model", "resnet18", *flags, "--out", tmp_path / "out")
        assert code == 1, "two files cannot be screened, and the others are reported all the same"
        stems = ("good", "good-2", "scan")
        expected = {f"{s}{e}" for s in stems for e in (".pdf", "-report.dcm", "-overlay.dcm", ".json")}
        assert {path.name for path in (tmp_path / "out").iterdir()} == expected
        assert pydicom.dcmread(tmp_path / "out" / "scan-report.dcm").PatientID == "MRN-4711"
        assert json.loads((tmp_path / "out" / "good.json").read_text())["label"] in ("pneumonia", "normal")

    def test_anonymous_reports_have_names_that_say_nothing(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "Doe Jane.dcm"
        path.write_bytes(save(dicom(12)))
        flags = ("--report", "pdf", "--report", "dicom-sr", "--anonymous", "--out", tmp_path / "out")
        assert run(capsys, "screen", path, "--model", "resnet18", *flags)[0] == 0
        names = {p.name for p in (tmp_path / "out").iterdir()}
        (stem,) = {name.removesuffix(".pdf").removesuffix("-report.dcm") for name in names}
        assert re.fullmatch(r"radiograph-[0-9a-f]{12}", stem)
        for written in (tmp_path / "out").iterdir():
            assert b"Doe" not in written.read_bytes()

    def test_folder_for_reports_that_cannot_be_made(self, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
        out = pictures / "good.png" / "x"
        code, _, err = run(capsys, "screen", pictures, "--model", "resnet18", "--report", "pdf", "--out", out)
        assert code == 1
        assert "--out" in err

    def test_missing_paths_and_empty_folders_are_reported(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "empty").mkdir()
        paths = [tmp_path / "empty", tmp_path / "none.png", tmp_path / "*.tif"]
        code, out, _ = run(capsys, "screen", *paths, "--model", "resnet18", "--format", "json")
        reasons = [json.loads(line)["reason"] for line in out.splitlines()]
        assert code == 1
        assert len(reasons) == len(paths)
        assert "holds no image" in reasons[0]
        assert "cannot be opened" in reasons[1]
        assert "cannot be opened" in reasons[2]

    @pytest.mark.parametrize("threshold", ["1.5", "-0.1", "nan"])
    def test_threshold_outside_zero_to_one_is_wrong_usage(
        self, pictures: Path, capsys: pytest.CaptureFixture[str], threshold: str
    ) -> None:
        code, out, err = run(capsys, "screen", pictures, f"--threshold={threshold}")
        assert code == 2
        assert out == ""
        assert "0 to 1" in err

    def test_folder_for_exports_that_cannot_be_made(self, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
        code, _, err = run(capsys, "screen", pictures, "--model", "resnet18", "--maps", pictures / "good.png" / "x")
        assert code == 1
        assert "cannot be written" in err
        assert "--maps" in err


def test_missing_weights_are_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PULMOSCAN_WEIGHTS", str(tmp_path))
    code, out, err = run(capsys, "screen", tmp_path, "--model", "resnet50")
    assert code == 1
    assert out == ""
    assert err.count("is missing") == 1
    assert run(capsys, "models")[0] == 1


def test_missing_lung_network_is_said_once_and_nothing_is_screened(
    models: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(models, tmp_path / "weights")
    (folder / "lungs.safetensors").unlink()
    monkeypatch.setenv("PULMOSCAN_WEIGHTS", str(folder))
    code, out, err = run(capsys, "screen", pictures, "--model", "resnet18")
    assert (code, out) == (1, "")
    assert err.count("lungs.safetensors is missing") == 1
    code, out, _ = run(capsys, "models")
    assert code == 1
    assert "lungs.safetensors is missing" in out


@pytest.mark.usefixtures("models")
def test_models_lists_checksums_and_figures(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "models")
    assert code == 0
    for name in ("densenet121", "resnet50", "resnet18"):
        assert name in out
    assert "lung network" in out
    assert out.count("SHA-256") == 4
    assert "child, validation" in out


@pytest.mark.parametrize("arguments", [(), ("screen",), ("screen", "x", "--model", "vgg"), ("train", "--epochs", "0")])
def test_wrong_usage(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2
    assert "usage" in capsys.readouterr().err


@pytest.mark.parametrize("rate", ["0", "-1", "2", "nan", "fast"])
def test_learning_rates_out_of_range(rate: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(("train", "--model", "resnet18", "--data", "x", "--learning-rate", rate))
    assert "argument --learning-rate" in capsys.readouterr().err


def test_figures_to_compare_with_that_are_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "evaluate", "--model", "resnet18", "--data", tmp_path, "--usual", tmp_path / "none.json")
    assert code == 1
    assert "none.json is not what “evaluate --out” writes" in err


@pytest.mark.usefixtures("models")
def test_data_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "evaluate", "--model", "resnet18", "--data", tmp_path / "none")
    assert code == 1
    assert "is not a folder" in err


def test_unexpected_errors_become_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("sprained")

    monkeypatch.setattr("pulmoscan.export.figures.markdown_table", fail)
    code, _, err = run(capsys, "models", "--markdown")
    assert code == 1
    assert "RuntimeError at test_cli.py" in err
    assert "sprained" not in err, "the text of an error may quote a header"
    assert "PULMOSCAN_DEBUG" in err


def test_find_files_knows_dicom_files_by_their_content(tmp_path: Path) -> None:
    for name in ("IM000001", "1.2.840.99", "chest.dcm"):
        (tmp_path / name).write_bytes(save(dicom(8)))
    (tmp_path / "README").write_text("no radiograph")
    assert {path.name for path in find_files([str(tmp_path)])} == {"IM000001", "1.2.840.99", "chest.dcm"}


def test_find_files_takes_files_folders_and_globs_once_each(pictures: Path) -> None:
    good = pictures / "good.png"
    found = find_files([str(good), str(pictures), str(pictures / "**" / "*.png")])
    assert found[0] == good
    assert len(found) == len(set(found)) == 4

"""`accept --profile`, then `screen --site`: every output names the profile, and another version refuses it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pydicom
import pypdfium2
import pytest
from PIL import Image

from pulmoscan import cli
from pulmoscan.models.site_profile import read_profile
from tests.pictures import encode, grey8
from tests.site_profiles import write

pytestmark = pytest.mark.usefixtures("models")


@pytest.fixture
def ward(tmp_path: Path) -> Path:
    """Twenty radiographs and their labels; a profile can be made of ten of each class."""
    rows = ["file,label"]
    for number in range(20):
        (tmp_path / f"{number}.png").write_bytes(encode(grey8(230, 240, seed=number), "PNG"))
        rows.append(f"{number}.png,{number % 2}")
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_from_acceptance_to_screening(ward: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = ward / "site.json"
    options = ["--labels", str(ward / "labels.csv"), "--model", "resnet18", "--out", str(ward / "out")]
    options += ["--profile", str(site), "--name", "St Elsewhere"]
    assert cli.main(["accept", str(ward), *options]) == 1
    assert "No profile was written: of neither children nor adults 10" in capsys.readouterr().err
    options += ["--population", "child"]
    assert cli.main(["accept", str(ward), *options, "--out", str(ward / "out2")]) == 0
    profile = read_profile(site)
    assert f"wrote {site}: site profile {profile.label}" in capsys.readouterr().out
    assert set(profile.populations) == {"child"}
    reports = [
        "--report",
        "json",
        "--report",
        "pdf",
        "--report",
        "png",
        "--report",
        "dicom-sr",
        "--out",
        str(ward / "r"),
    ]
    screen = ["screen", str(ward / "3.png"), "--site", str(site), "--population", "child", "--format", "json"]
    assert cli.main([*screen, *reports]) == 0
    line = json.loads(capsys.readouterr().out)
    assert line["model"] == "resnet18"  # the profile brings its model
    assert line["site"] == profile.label
    assert line["threshold"] == profile.populations["child"].threshold
    assert line["triage"] == "uncertain"  # too few cases to promise anything
    assert 0 < line["site_probability"] < 1
    content = json.loads((ward / "r" / "3.json").read_bytes())
    assert content["site"]["profile"] == "St Elsewhere"
    assert content["triage"]["call"] == "uncertain"
    assert "more are needed" in content["triage"]["reasons"][0]
    assert content["measured_at_threshold"]["sensitivity"]["n"] == 10
    document = pypdfium2.PdfDocument(ward / "r" / "3.pdf")
    text = " ".join(document[0].get_textpage().get_text_bounded().split())
    assert profile.label in text
    assert "Uncertain: a reader decides" in text
    assert profile.label in Image.open(ward / "r" / "3-overlay.png").text["Software"]  # type: ignore[attr-defined]
    report = pydicom.dcmread(ward / "r" / "3-report.dcm").to_json()
    assert profile.label in report
    assert "UNCERTAIN" in report
    # A profile can itself be put to the test, on other cases.
    assert (
        cli.main(
            [
                "accept",
                str(ward),
                *options[:2],
                "--site",
                str(site),
                "--out",
                str(ward / "out3"),
                "--population",
                "child",
            ]
        )
        == 0
    )
    assert f"site profile {profile.label}" in capsys.readouterr().out


def test_refusals(ward: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = ward / "site.json"
    options = [
        "--labels",
        str(ward / "labels.csv"),
        "--model",
        "resnet18",
        "--out",
        str(ward / "out"),
        "--population",
        "child",
    ]
    assert cli.main(["accept", str(ward), *options, "--profile", str(site)]) == 0
    screen = ["screen", str(ward / "3.png"), "--site", str(site)]
    capsys.readouterr()
    assert cli.main([*screen, "--model", "resnet50"]) == 1
    assert "measured with another model: resnet18, not resnet50" in capsys.readouterr().err
    assert cli.main([*screen, "--format", "json"]) == 0
    (ward / "done.jsonl").write_text(capsys.readouterr().out)
    assert cli.main(["screen", str(ward / "3.png"), "--model", "resnet18", "--resume", str(ward / "done.jsonl")]) == 1
    assert "Go on with the same --site" in capsys.readouterr().err
    site.write_text(site.read_text().replace("our site", "their site"))
    assert cli.main(screen) == 1
    assert "it was changed after it was written" in capsys.readouterr().err


def test_triage_on_the_command_line(ward: Path, capsys: pytest.CaptureFixture[str]) -> None:
    screen = ["screen", str(ward / "3.png"), "--model", "resnet18", "--population", "child", "--format", "json"]
    assert cli.main(screen) == 0
    assert json.loads(capsys.readouterr().out)["triage"] is None
    assert cli.main([*screen, "--miss-rate", "2%"]) == 0
    assert json.loads(capsys.readouterr().out)["triage"] in ("rule out", "uncertain", "rule in")


def test_several_profiles_and_another_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "3.png"
    picture.write_bytes(encode(grey8(230, 240, seed=3), "PNG"))
    sites = tmp_path / "sites"
    sites.mkdir()
    first, second = write(sites / "a.json"), write(sites / "b.json", "resnet50")
    screen = ["screen", str(picture), "--site", str(sites), "--population", "child", "--format", "json"]
    for model, expected in ((), first), (("--model", "resnet50"), second):
        assert cli.main([*screen, *model]) == 0
        assert json.loads(capsys.readouterr().out)["site"] == expected.label
    assert cli.main([*screen, "--model", "densenet121"]) == 1  # who names both means both
    assert "measured with another model" in capsys.readouterr().err


def test_a_profile_of_another_model_is_said_in_every_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    picture, site = tmp_path / "3.png", tmp_path / "site.json"
    picture.write_bytes(encode(grey8(230, 240, seed=3), "PNG"))
    said = f"The site profile in force is for ResNet-18 ({write(site).label}) and not for ResNet-50"
    monkeypatch.setenv("PULMOSCAN_SITE", str(site))
    reports = ["--report", "json", "--report", "pdf", "--report", "dicom-sr", "--out", str(tmp_path / "r")]
    screen = ["screen", str(picture), "--model", "resnet50", "--population", "child", "--format", "json"]
    assert cli.main([*screen, *reports]) == 0
    line = json.loads(capsys.readouterr().out)
    assert line["site"] is None
    assert said in " ".join(line["warnings"])
    assert said in " ".join(json.loads((tmp_path / "r" / "3.json").read_bytes())["warnings"])
    pages = pypdfium2.PdfDocument(tmp_path / "r" / "3.pdf")
    assert said in " ".join(" ".join(p.get_textpage().get_text_bounded() for p in pages).split())
    assert "not for ResNet-50" in pydicom.dcmread(tmp_path / "r" / "3-report.dcm").to_json()


def test_node_service_and_app_take_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PULMOSCAN_SITE", "")  # --site sets it; the test's end takes it back
    site = tmp_path / "site.json"
    label = write(site).label
    toml = tmp_path / "node.toml"
    for model, said in (
        ("resnet18", f"resnet18 goes by the site profile {label}."),
        ("resnet50", f"is for ResNet-18 ({label}) and not for ResNet-50"),
    ):
        toml.write_text(f'[node]\nfolder = "node"\nmodel = "{model}"\n[[peers]]\nae_title = "CT"\n')
        assert cli.main(["listen", str(toml), "--check", "--site", str(site)]) == 0
        assert said in capsys.readouterr().err
    started: list[str] = []
    monkeypatch.setattr("uvicorn.run", lambda *_, **__: started.append(os.environ["PULMOSCAN_SITE"]))
    assert cli.main(["serve", "--site", str(site), "--audit", str(tmp_path / "audit")]) == 0
    assert f"resnet18 goes by the site profile {label}." in capsys.readouterr().err
    monkeypatch.setattr("pulmoscan.ui.serve.main", lambda _: started.append(os.environ["PULMOSCAN_SITE"]))
    assert cli.main(["app", "--site", str(site)]) == 0
    assert started == [str(site.resolve())] * 2
    site.write_text("{}")
    assert cli.main(["serve", "--site", str(site)]) == 1
    assert "it is no site profile" in capsys.readouterr().err

"""The REST service by its own client: answers, errors by code, token, limits, and that nothing is kept."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from fastapi.testclient import TestClient
from fhir.resources.R4B.diagnosticreport import DiagnosticReport
from fhir.resources.R4B.imagingstudy import ImagingStudy
from fhir.resources.R4B.observation import Observation
from PIL import Image

from pulmoscan import DISCLAIMER, errors
from pulmoscan.cli import main
from pulmoscan.hospital.service import app as service
from pulmoscan.hospital.service.answers import problem, status_of
from pulmoscan.hospital.service.app import create_app
from pulmoscan.hospital.service.guard import Rate, allows
from pulmoscan.reading.radiograph import MAX_FILE_BYTES, load_radiograph
from pulmoscan.screening import screen
from tests.dicoms import dicom, save
from tests.pictures import encode, grey8
from tests.site_profiles import write

MODEL = "resnet18"
TOKEN = "0123456789abcdef-0123456789"
BEARS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def client(models: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    assert models.is_dir()
    monkeypatch.setenv("PULMOSCAN_DECODING", "here")
    with TestClient(create_app(TOKEN), headers=BEARS, raise_server_exceptions=False) as found:
        yield found


@pytest.fixture
def source() -> bytes:
    return save(dicom(12, 260, 240))


def ask(client: TestClient, data: bytes, **arguments: Any) -> Any:
    return client.post("/v1/screen", content=data, params={"model": MODEL, **arguments})


def test_a_screening_is_the_same_as_everywhere(client: TestClient, source: bytes) -> None:
    here = screen(load_radiograph(source), MODEL)
    answer = ask(client, source)
    assert answer.status_code == 200
    found = answer.json()
    assert found["probability"] == pytest.approx(here.reading.probability, abs=1e-6)
    assert (found["label"], found["population"], found["threshold"]) == (here.label, "adult", here.threshold)
    assert found["disclaimer"] == DISCLAIMER
    form = client.post("/v1/screen", files={"file": ("a.dcm", source)}, params={"model": MODEL, "threshold": 0.99})
    assert (form.json()["file"], form.json()["threshold"]) == ("a.dcm", 0.99)
    assert answer.headers["Cache-Control"] == "no-store"


def test_every_format(client: TestClient, source: bytes) -> None:
    for kind, mime in (("png", "image/png"), ("pdf", "application/pdf"), ("dicom-sr", "application/dicom")):
        answer = ask(client, source, format=kind)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, mime)
    assert np.asarray(Image.open(io.BytesIO(ask(client, source, format="png").content))).ndim == 3
    report = pydicom.dcmread(io.BytesIO(ask(client, source, format="dicom-sr").content))
    assert report.PatientID == "MRN-4711"
    anonymous = ask(client, source, format="dicom-sr", anonymous=True).content
    assert b"MRN-4711" not in anonymous


def test_fhir_fits_the_published_definitions(client: TestClient, source: bytes) -> None:
    answer = ask(client, source, format="fhir")
    assert answer.headers["Content-Type"] == "application/fhir+json"
    found = DiagnosticReport.model_validate_json(answer.content)
    device, observation, study = answer.json()["contained"]
    assert device["resourceType"] == "Device"
    Observation.model_validate(observation)
    assert observation["valueCodeableConcept"]["coding"][0]["code"] in ("260373001", "260415000")
    ImagingStudy.model_validate(study)
    assert found.subject
    assert found.subject.identifier
    assert found.subject.identifier.value == "MRN-4711"
    report = pydicom.dcmread(io.BytesIO(ask(client, source, format="dicom-sr").content))
    assert study["series"][1]["instance"][0]["uid"] == report.SOPInstanceUID, "the link leads to the report"
    assert study["series"][1]["uid"] == report.SeriesInstanceUID
    anonymous = ask(client, source, format="fhir", anonymous=True)
    DiagnosticReport.model_validate_json(anonymous.content)
    assert b"MRN-4711" not in anonymous.content
    picture = ask(client, encode(grey8(260, 240), "PNG"), format="fhir")
    assert len(DiagnosticReport.model_validate_json(picture.content).contained or ()) == 2


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 400, "empty-file"),
        (b"no picture", 415, "unsupported-format"),
        (save(dicom(Modality="CT")), 422, "dicom-modality"),
        (save(dicom(ViewPosition="LL")), 422, "dicom-view"),
        (encode(grey8(260, 240), "PNG")[:300], 400, "damaged-image"),
    ],
)
def test_errors_have_stable_codes(client: TestClient, data: bytes, status: int, code: str) -> None:
    answer = ask(client, data)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["message"].endswith(".")


def test_wrong_arguments(client: TestClient, source: bytes) -> None:
    assert (ask(client, source, model="gpt").status_code, ask(client, source, model="gpt").json()["code"]) == (
        404,
        "unknown-model",
    )
    assert ask(client, source, threshold=2).json()["code"] == "invalid-threshold"
    wrong = ask(client, source, population="cats")
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid-argument")
    assert "population" in wrong.json()["message"]
    assert client.post("/v1/screen", files={"other": ("a", b"b")}).json()["code"] == "empty-file"


def test_every_error_has_a_status_and_a_code_of_its_own() -> None:
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.PulmoScanError)
    ]
    made = [kind.__new__(kind) for kind in kinds]
    codes = [problem(error)["code"] for error in made]
    assert len(set(codes)) == len(codes)
    assert all(400 <= status_of(error) <= 503 for error in made)
    assert {"refused-by-gate", "empty-file", "weights-missing", "file-too-large"} <= set(codes)


def test_a_file_that_is_too_large_is_not_taken_in(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_FILE_BYTES", 100_000)
    assert MAX_FILE_BYTES > 100_000
    answer = client.post("/v1/screen", content=bytes(500_000), params={"model": MODEL})
    assert (answer.status_code, answer.json()["code"]) == (413, "file-too-large")
    form = client.post("/v1/screen", files={"file": ("a", bytes(500_000))})
    assert (form.status_code, form.json()["code"]) == (413, "file-too-large")


def test_the_token(client: TestClient, source: bytes) -> None:
    for header in ({"Authorization": ""}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
        for path in ("/v1/models", "/metrics", "/docs", "/openapi.json"):
            answer = client.get(path, headers=header)
            assert (answer.status_code, answer.json()["code"]) == (401, "not-authorised")
        assert client.post("/v1/screen", content=source, headers=header).status_code == 401
        assert client.get("/health", headers=header).json() == {"status": "ok"}
    assert not allows(TOKEN, None)
    assert allows("", None)
    assert not allows(TOKEN, "Bearer é")


def test_the_rate(models: Path) -> None:
    assert models.is_dir()
    with TestClient(create_app("", a_minute=3)) as client:
        answers = [client.get("/metrics") for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert answers[-1].json()["code"] == "too-many-requests"
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 21
        assert client.get("/health").status_code == 200


def test_the_rate_recovers(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("pulmoscan.hospital.service.guard.time.monotonic", lambda: now[0])
    rate = Rate(60)
    assert [rate.seconds_to_wait("a") for _ in range(60)] == [0.0] * 60
    assert rate.seconds_to_wait("a") == pytest.approx(1.0)
    assert rate.seconds_to_wait("b") == 0.0
    now[0] = 1.0
    assert rate.seconds_to_wait("a") == 0.0
    assert rate.seconds_to_wait("a") > 0


def test_models_state_and_metrics(client: TestClient, source: bytes) -> None:
    (*_, light) = client.get("/v1/models").json()
    assert (light["name"], len(light["weights_sha256"]), len(light["operating_points"])) == (MODEL, 64, 2)
    assert client.get("/ready").json() == {"status": "ready"}
    ask(client, source)
    ask(client, b"no picture", model="somebody's name")
    said = client.get("/metrics").text
    assert 'pulmoscan_requests_total{path="/v1/screen",status="200"} 1.0' in said
    assert "pulmoscan_screening_seconds_count" in said
    assert "somebody" not in said
    paths = client.get("/openapi.json").json()["paths"]
    assert "multipart/form-data" in paths["/v1/screen"]["post"]["requestBody"]["content"]
    assert client.get("/docs").status_code == 200


def test_not_ready_without_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULMOSCAN_WEIGHTS", str(tmp_path))
    with TestClient(create_app()) as client:
        answer = client.get("/ready")
        assert (answer.status_code, answer.json()["code"]) == (503, "weights-missing")
        assert client.get("/health").status_code == 200


def test_an_unforeseen_error_says_nothing_of_the_patient(
    client: TestClient, source: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("Doe^Jane")

    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(service, "screen", fail)
    answer = ask(client, source)
    assert (answer.status_code, answer.json()["code"]) == (500, "unforeseen")
    assert "Doe" not in answer.text + caplog.text


def test_nothing_is_kept(client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("a file is opened on disk")

    monkeypatch.setattr("tempfile.TemporaryFile", fail)
    large = save(dicom(12, 1400, 1400))  # Starlette alone would put a form of this size on disk
    answer = client.post("/v1/screen", files={"file": ("Doe.dcm", large)}, params={"model": MODEL})
    assert answer.status_code == 200, answer.text
    assert "Doe" not in caplog.text


def test_the_command_lets_nobody_in_without_a_token(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["serve", "--address", "0.0.0.0"]) == 1
    assert "would answer everybody" in capsys.readouterr().err
    (tmp_path / "token").write_text("short\n")
    assert main(["serve", "--token-file", str(tmp_path / "token")]) == 1
    assert "fewer than 16 characters" in capsys.readouterr().err
    assert main(["serve", "--token-file", str(tmp_path / "none")]) == 1
    assert "cannot be read" in capsys.readouterr().err
    monkeypatch.setenv("PULMOSCAN_TOKEN", "short")
    assert main(["serve"]) == 1
    assert "short" not in capsys.readouterr().err.replace("shorter", "")


def test_a_site_profile(client: TestClient, source: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site.json"
    profile = write(site, MODEL)
    monkeypatch.setenv("PULMOSCAN_SITE", str(site))
    found = ask(client, source).json()
    assert found["site"]["sha256"] == profile.sha256
    assert (found["threshold"], found["triage"]["call"] in ("rule out", "uncertain", "rule in")) == (0.61, True)
    other = client.post("/v1/screen", content=source, params={"model": "resnet50"}).json()
    assert other["site"] is None
    assert f"is for ResNet-18 ({profile.label}) and not for ResNet-50" in " ".join(other["warnings"])
    about = {model["name"]: model for model in client.get("/v1/models").json()}
    assert (about[MODEL]["site"], about[MODEL]["note"]) == (profile.label, "")
    assert about["resnet50"]["site"] is None
    assert "not for ResNet-50" in about["resnet50"]["note"]
    site.unlink()
    answer = ask(client, source)
    assert (answer.status_code, answer.json()["code"]) == (503, "site-profile-damaged")
    assert client.get("/ready").status_code == 503

"""A DICOM file on a page: its facts, its window, and the exports."""

from __future__ import annotations

import base64
import io
import json

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from pulmoscan.errors import PulmoScanError
from tests.dicoms import dicom, save
from tests.pictures import encode, grey8
from tests.ui.app import click, decision, drag, handed_over, open_page, panes, text, upload, viewer

EXPORTS = {"PDF", "DICOM report", "DICOM overlay", "PNG overlay", "JSON"}


@pytest.fixture
def app() -> AppTest:
    """A page with a DICOM radiograph."""
    file = dicom(12, 300, 260, WindowCenter=[2048, 900], WindowWidth=[4096, 500], ViewPosition="AP",
                 ImagerPixelSpacing=[0.15, 0.15], KVP=81.5)  # fmt: skip
    return upload(open_page("resnet18"), save(file), "IM0001")


def toggle(app: AppTest, label: str) -> AppTest:
    return next(t for t in app.toggle if t.label == label).set_value(True).run()


def test_identity_is_masked_until_it_is_asked_for(app: AppTest) -> None:
    assert not app.exception
    assert decision(app)
    shown = text(app)
    for name in ("Doe", "MRN-4711", "ACC-99", "Saint Elsewhere", "1990-01-02", "female", "2024-02-03"):
        assert name not in shown
    for fact in ("View</th><td>AP<", "spacing</th><td>0.15 mm at the detector<", "voltage</th><td>81.5 kV<", "••••••"):
        assert fact in shown
    assert viewer(app)["spacing"] == 0.15
    toggle(app, "Show what identifies the patient")
    for fact in ("Doe Jane", "female", "34 years", "2024-02-03"):
        assert fact in text(app)
    assert "MRN-4711" in text(app)


def test_age_of_the_file_sets_the_population(app: AppTest) -> None:
    assert "radiographs of adults" in text(app)
    child = upload(app, save(dicom(12, 300, 260, PatientAge="004Y")), "child.dcm")
    assert "radiographs of children" in text(child)


def test_window_changes_the_view_and_not_the_result(app: AppTest, passes: list[str]) -> None:
    before, said = panes(app), decision(app)
    probability = next(line for line in text(app).splitlines() if line.startswith("Score"))
    select = next(s for s in app.selectbox if s.label.startswith("Window"))
    assert select.options == ["1. Window 1", "2. Window 2", "3. Whole range", "By hand"]
    assert "level 2048, width 4096" in select.help
    select.set_value("2. Window 2").run()
    assert panes(app)[0]["source"] != before[0]["source"]
    assert decision(app) == said
    assert probability in text(app)
    next(s for s in app.selectbox if s.label.startswith("Window")).set_value("By hand").run()
    at_hand = panes(app)[0]["source"]
    next(s for s in app.slider if s.label == "Level").set_value(500.0).run()
    assert not app.exception
    assert panes(app)[0]["source"] != at_hand
    assert passes == []


def test_every_window_comes_at_full_resolution(monkeypatch: pytest.MonkeyPatch) -> None:
    file = dicom(12, 900, 1600, WindowCenter=[2048, 900], WindowWidth=[4096, 500], PatientAge="004Y",
                 ImagerPixelSpacing=[0.15, 0.15])  # fmt: skip
    app = upload(open_page("resnet18"), save(file), "IM0001")
    first = viewer(app)["picture"]
    next(s for s in app.selectbox if s.label.startswith("Window")).set_value("2. Window 2").run()
    assert viewer(app)["picture"] != first, "what was dragged of the other window is over"
    assert (viewer(app)["width"], viewer(app)["height"], viewer(app)["spacing"]) == (1600, 900, 0.15)
    monkeypatch.setattr("pulmoscan.ui.panels.viewer.wants_full", lambda _: True)
    monkeypatch.setattr("pulmoscan.ui.panels.viewer.window_of", lambda _: (-0.5, 1.5))
    shown = viewer(app.run())
    for source in (shown["full"], shown["window"][2]):
        assert Image.open(io.BytesIO(base64.b64decode(source.split(",", 1)[1]))).size == (1600, 900)


def test_refusal_is_said(app: AppTest) -> None:
    upload(app, save(dicom(12, 300, 260, Modality="CT")), "ct.dcm")
    assert "modality CT" in app.error[0].value
    assert "still shown" in app.error[0].value


def test_every_result_can_be_exported(app: AppTest) -> None:
    assert {button.label for button in app.button} >= EXPORTS
    assert "so that they fit the record" in text(app)
    upload(app, encode(grey8(280, 300), "PNG"), "picture.png")
    assert "names no patient" in text(app)
    assert {button.label for button in app.button} >= EXPORTS
    toggle(app, "Anonymous")
    assert not app.exception
    assert "names no patient" not in text(app)


def test_an_export_is_made_of_what_is_in_force_and_handed_over(app: AppTest) -> None:
    drag(app, 0.777)
    click(app, "JSON")
    ((name, content),) = handed_over(app)
    assert name == "IM0001.json"
    assert json.loads(content)["threshold"] == 0.777
    click(app, "DICOM report")
    ((name, content),) = handed_over(app)
    assert name == "IM0001-report.dcm"
    assert content[128:132] == b"DICM"


@pytest.mark.parametrize("error", [ValueError("Doe^Jane"), MemoryError(), PulmoScanError("Do this.")])
def test_an_export_that_fails_is_a_sentence(
    app: AppTest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("pulmoscan.export.dicom_sr.structured_report", fail)
    click(app, "DICOM report")
    assert not app.exception
    said = app.error[0].value
    assert said == "Do this." or ("DICOM report" in said and type(error).__name__ in said)
    assert "Doe" not in said + caplog.text
    assert handed_over(app) == []
    click(app, "JSON")
    assert len(handed_over(app)) == 1
    assert not app.error


def test_other_pictures_have_no_dicom_panel(app: AppTest) -> None:
    click(app, "First")
    assert not [t for t in app.toggle if t.label.startswith("Show the patient")]
    assert not [s for s in app.selectbox if s.label.startswith("Window")]

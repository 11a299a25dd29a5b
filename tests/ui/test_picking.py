"""Which radiograph is in view: the one chosen last, on every page."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pulmoscan.gallery import samples
from pulmoscan.ui.frame import UNFORESEEN
from tests.pictures import encode, grey8
from tests.ui.app import click, decision, go_to, open_page, panes, text, upload


def in_view(app: AppTest) -> set[str]:
    """Which of the names are on the page as the radiograph in view."""
    return {name for name in ("First", "Second", "upload") if f"**{name}" in text(app)}


@pytest.fixture(scope="module")
def png() -> bytes:
    return encode(grey8(280, 320, seed=5), "PNG")


def test_nothing_is_decided_before_a_choice() -> None:
    app = open_page("resnet18")
    assert not decision(app)
    assert not app.get("bidi_component")


def test_gallery_click_gives_a_result() -> None:
    app = click(open_page("resnet18"), "First")
    assert in_view(app) == {"First"}
    assert "300 × 256 pixels" in text(app)
    assert "First of the made-up ones. Made by the tests." in text(app)
    assert decision(app)
    assert len(panes(app)) == 2


def test_upload_gives_a_result(png: bytes) -> None:
    app = upload(open_page("resnet18"), png)
    assert in_view(app) == {"upload"}
    assert "320 × 280 pixels" in text(app)
    assert decision(app)


def test_latest_choice_wins(png: bytes) -> None:
    app = click(open_page("resnet18"), "First")
    first = panes(app)[0]["source"]
    upload(app, png)
    assert in_view(app) == {"upload"}
    assert panes(app)[0]["source"] != first
    click(app, "Second")
    assert in_view(app) == {"Second"}
    upload(app, png)
    assert in_view(app) == {"upload"}
    click(app, "First")
    assert in_view(app) == {"First"}
    assert panes(app)[0]["source"] == first


def test_removing_forgets_the_radiograph(png: bytes) -> None:
    app = upload(click(open_page("resnet18"), "First"), png)
    click(app, "Remove")
    assert not in_view(app)
    assert not decision(app)
    assert decision(click(app, "Second"))


def test_radiograph_goes_along_to_the_other_pages(png: bytes, passes: list[str]) -> None:
    app = upload(open_page("resnet18"), png)
    shown = panes(app)[0]["source"]
    for name in ("overview", "resnet50"):
        go_to(app, name)
    assert in_view(app) == {"upload"}
    assert panes(app)[0]["source"] == shown
    go_to(app, "resnet18")
    assert in_view(app) == {"upload"}
    assert passes == ["resnet18", "resnet50"], "a reading is kept for the way back"


def test_broken_upload_is_explained_and_takes_nothing_away(png: bytes) -> None:
    app = click(open_page("resnet18"), "First")
    upload(app, png[:300], "cut_short.png")
    assert not app.exception
    assert "damaged or cut short" in app.error[0].value
    assert "still shown" in app.error[0].value
    assert in_view(app) == {"First"}
    assert decision(app)
    click(app, "Second")
    assert not app.error


def test_file_of_another_kind_is_refused_with_what_can_be_read() -> None:
    app = upload(open_page("resnet18"), b"%PDF-1.7 a letter", "letter.png")
    assert "Use one of: DICOM, PNG, JPEG" in app.error[0].value
    assert "still shown" not in app.error[0].value
    assert not decision(app)


def test_unforeseen_error_while_choosing_shows_no_traceback(monkeypatch: pytest.MonkeyPatch, png: bytes) -> None:
    app = open_page("resnet18")

    def fail(*_: object) -> None:
        raise RuntimeError("internals")

    monkeypatch.setattr("pulmoscan.ui.panels.picker.load_apart", fail)
    upload(app, png)
    assert not app.exception
    assert UNFORESEEN.split(";", maxsplit=1)[0] in app.error[0].value


def test_name_of_an_upload_is_no_markdown(png: bytes) -> None:
    app = upload(open_page("resnet18"), png, "upload *a* [b](c).png")
    assert r"upload \*a\* \[b\](c).png" in text(app)


def test_missing_gallery_leaves_the_upload(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, png: bytes) -> None:
    monkeypatch.setattr(samples, "gallery_folder", lambda: tmp_path / "nowhere")
    app = open_page("resnet18")
    assert not app.exception
    assert "sample gallery is missing" in app.info[0].value
    assert decision(upload(app, png))

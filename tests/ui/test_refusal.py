"""What the gate refuses: the reason, the mend by one click, and the way past it for one picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pulmoscan.examination.gate import Correction
from pulmoscan.examination.lungs import ChestView, LungReader, weights_path
from pulmoscan.ui.panels.refusal import button_text
from tests.chest_views import chest_view
from tests.pictures import encode, grey8
from tests.ui.app import click, decision, drag, go_to, open_page, panes, text, upload, viewer

ALL_THE_SAME = "Screen it all the same"


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """The lung network takes wide pictures for chests and tall ones for something else; lists what it looked at."""
    seen: list[np.ndarray] = []

    def look(_: LungReader, pixels: np.ndarray) -> ChestView:
        seen.append(pixels)
        height, width = pixels.shape
        return chest_view(chest=0.99 if width > height else 0.01)

    monkeypatch.setattr(LungReader, "look", look)
    return seen


def cat() -> bytes:
    """A tall picture."""
    return encode(grey8(320, 280, seed=9), "PNG")


def buttons(app: AppTest) -> set[str]:
    return {button.label for button in app.button}


@pytest.mark.usefixtures("looks")
def test_refusal_names_reason_and_advice_and_gives_no_probability(passes: list[str]) -> None:
    app = upload(open_page("resnet18"), cat(), "cat.png")
    assert not app.exception
    assert "Not screened" in text(app)
    assert "This does not look like a frontal chest radiograph." in text(app)
    assert "Choose a frontal view (PA or AP) of the whole chest." in text(app)
    assert not decision(app)
    assert "Probability" not in text(app)
    assert passes == []
    assert [pane["title"] for pane in panes(app)] == ["The picture as it came"]
    assert "Remove" in buttons(app)
    assert decision(click(app, "First")), "the next one is screened as usual"


def test_override_holds_for_this_picture_on_every_page_and_is_marked(looks: list[np.ndarray]) -> None:
    app = click(click(upload(open_page("resnet18"), cat()), ALL_THE_SAME), "Child")
    for page in ("resnet18", "compare", "resnet50"):
        go_to(app, page)
        assert decision(app) or page == "compare"
        assert "Screened although it was refused" in text(app)
        assert any("although it was refused" in warning.value for warning in app.warning)
    assert len(looks) == 1, "one look for all models"
    click(app, "Undo")
    assert not decision(app)
    assert "Not screened" in text(app)
    click(click(app, ALL_THE_SAME), "First")
    assert decision(app)
    assert "although it was refused" not in text(app), "the next picture is not marked"
    upload(app, cat())
    assert not decision(app), "and the gate is asked anew"


@pytest.mark.usefixtures("looks")
def test_comparison_refuses_once_for_all_models(passes: list[str]) -> None:
    app = go_to(upload(open_page("resnet18"), cat()), "compare")
    assert not app.exception
    assert text(app).count("This does not look like a frontal chest radiograph.") == 1
    assert passes == []


@pytest.mark.parametrize(
    ("view", "says", "label", "correction"),
    [
        ({"turns": np.eye(4, dtype=np.float32)[2]}, "looks upside down", "Turn by 180°", Correction(2)),
        ({"inverted": 0.99}, "bone dark on white", "Invert the grey values", Correction(0, True)),
    ],
)
def test_one_click_corrects(
    monkeypatch: pytest.MonkeyPatch, view: dict[str, object], says: str, label: str, correction: Correction
) -> None:
    seen: list[np.ndarray] = []

    def look(_: LungReader, pixels: np.ndarray) -> ChestView:
        seen.append(pixels)
        return chest_view(**view) if len(seen) == 1 else chest_view()

    monkeypatch.setattr(LungReader, "look", look)
    app = click(open_page("resnet18"), "First")
    assert "Needs correction" in text(app)
    assert says in text(app)
    assert not decision(app)
    before = panes(app)[0]["source"]
    click(app, label)
    np.testing.assert_array_equal(seen[1], correction.apply(seen[0]))
    assert decision(app)
    assert f"{correction.done[0].upper()}{correction.done[1:]} by you." in text(app)
    assert panes(app)[0]["source"] != before
    click(app, f"Undo: {correction.done}")
    assert not decision(app)
    assert panes(app)[0]["source"] == before
    assert len(seen) == 2, "the way back looks at nothing anew"


def test_words_of_the_correction() -> None:
    assert button_text(Correction(1)) == "Turn by 90° to the right"
    assert button_text(Correction(3, True)) == "Turn by 90° to the left and invert the grey values"


def test_missing_lung_network_is_named_and_nothing_is_screened(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in models.iterdir():
        (tmp_path / "few").mkdir(exist_ok=True)
        (tmp_path / "few" / file.name).symlink_to(file)
    monkeypatch.setenv("PULMOSCAN_WEIGHTS", str(tmp_path / "few"))
    weights_path().unlink()
    app = click(open_page("resnet18"), "First")
    assert not app.exception
    assert "lungs.safetensors is missing" in app.error[0].value
    assert "none is screened" in app.error[0].value
    assert not decision(app)


def test_outlines_come_with_the_heat_and_are_not_said_to_hold_all_lung(monkeypatch: pytest.MonkeyPatch) -> None:
    corner = np.zeros((224, 224), np.float32)
    corner[:20, :60] = 1.0
    monkeypatch.setattr(LungReader, "look", lambda *_: chest_view(lungs=corner))
    app = click(open_page("resnet18"), "First")
    assert viewer(app)["outline"].startswith("M")
    assert [pane["outlined"] for pane in panes(app)] == [False, True]
    drag(app, 0.0)
    assert "outside the outlines" in text(app)
    assert "leave out the lung behind the heart" in text(app)
    assert "no pneumonia can be" not in text(app)

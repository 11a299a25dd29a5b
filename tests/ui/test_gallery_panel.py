"""The gallery asks what the user thinks before it tells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pulmoscan.gallery import samples, thumbnails
from pulmoscan.gallery.samples import GallerySample
from pulmoscan.ui.panels import gallery as panel
from tests.pictures import encode, grey8
from tests.ui.app import ROOT, click, decision, go_to, open_page, panes, text, upload


@pytest.fixture
def labelled(gallery: Path) -> list[GallerySample]:
    """A gallery of four samples with labels, in the order in which they are shown."""
    entries = []
    for number, label in enumerate(("normal", "normal", "pneumonia", "pneumonia")):
        file = f"{label}_{number}.png"
        (gallery / file).write_bytes(encode(grey8(256, 300, seed=number), "PNG"))
        about = {
            "title": f"{label.title()} {number}",
            "caption": f"Tells that it is {label}.",
            "origin": "Made by the tests",
            "population": "child",
        }
        entries.append({"file": file, "label": label, **about})
    (gallery / samples.MANIFEST_NAME).write_text(json.dumps({"samples": entries}))
    return samples.shuffled(samples.gallery(gallery))


def names(app: AppTest) -> list[str]:
    return [button.label for button in app.button if str(button.key).startswith("show-")]


def images(app: AppTest) -> str:
    return " ".join(str(image.proto) for image in app.get("imgs"))


def test_nothing_tells_the_label_before_the_answer(labelled: list[GallerySample]) -> None:
    app = open_page("resnet18")
    assert names(app) == ["Case 1", "Case 2", "Case 3", "Case 4"]
    click(app, "Case 2")
    said = text(app) + " ".join(pane["alt"] for pane in panes(app)) + images(app)
    for telling in (labelled[1].title, labelled[1].caption, "Labelled"):
        assert telling not in said
    assert "Made by the tests" in said
    assert "What do you think?" in said
    assert not decision(app), "nor does the model's answer"
    assert all(pane["heats"] == [] for pane in panes(app)), "or its heat"


@pytest.mark.parametrize(
    ("button", "thought"),
    [("Normal", "You thought: normal."), ("Pneumonia", "You thought: pneumonia."), ("Just show the result", None)],
)
def test_answer_comes_after_the_guess(button: str, thought: str | None, labelled: list[GallerySample]) -> None:
    app = click(click(open_page("resnet18"), "Case 3"), button)
    assert f"Labelled **{labelled[2].label}**" in text(app)
    assert labelled[2].caption in text(app)
    assert (thought or "You thought") in text(app) or thought is None
    assert ("You thought" in text(app)) == (thought is not None)
    icon = ":material/check:" if button.lower() == labelled[2].label else ":material/close:"
    assert (icon in text(app)) == (thought is not None)
    assert names(app)[2] == f"Case 3: {labelled[2].label}"
    assert "What do you think?" not in text(app)
    assert decision(app)
    assert "can look like" in text(app) or "speaks for" in text(app), "a teaching caption"


def test_leafing_through_keeps_to_the_row(labelled: list[GallerySample]) -> None:
    assert labelled
    app = click(open_page("resnet18"), "Case 2")
    assert "**Case 3**" in text(click(app, "Next case"))
    assert "**Case 2**" in text(click(app, "Previous case"))
    assert next(b for b in click(click(app, "Next case"), "Next case").button if b.label == "Next case").disabled


def test_address_names_the_case_and_a_session_that_begins_with_it_shows_it(labelled: list[GallerySample]) -> None:
    assert labelled
    app = click(open_page("resnet18"), "Case 2")
    assert app.query_params["case"] == "2"
    again = AppTest.from_file(str(ROOT / "pages" / "resnet18.py"), default_timeout=60)
    again.session_state.navigated = True  # it begins with this page, not with the overview
    again.query_params["case"] = "3"
    assert "**Case 3**" in text(again.run())
    upload(app, encode(grey8(280, 320, seed=5), "PNG"))
    assert "case" not in app.query_params, "nothing of an upload stands there"


def test_answers_are_remembered_on_every_page_and_stay_with_their_picture(labelled: list[GallerySample]) -> None:
    app = click(click(open_page("resnet18"), "Case 1"), "Normal")
    go_to(app, "resnet50")
    assert "You thought: normal." in text(app)
    click(app, "Case 2")
    assert "What do you think?" in text(app)
    click(app, f"Case 1: {labelled[0].label}")
    assert "You thought: normal." in text(app)


def test_picture_without_label_has_no_question() -> None:
    app = click(open_page("resnet18"), "First")
    assert "What do you think?" not in text(app)
    assert "First of the made-up ones." in text(app)


def test_upload_has_no_question(labelled: list[GallerySample]) -> None:
    assert labelled
    app = click(open_page("resnet18"), "Case 1")
    upload(app, encode(grey8(280, 320, seed=5), "PNG"))
    assert "What do you think?" not in text(app)


def test_thumbnails_are_made_once(monkeypatch: pytest.MonkeyPatch, labelled: list[GallerySample]) -> None:
    app = open_page("resnet18")

    def fail(*_: object) -> None:
        raise AssertionError("decoded again")

    for module in (panel, thumbnails):
        monkeypatch.setattr(module, "load_radiograph", fail)
    assert len(names(app.run())) == len(labelled)
    assert len(names(open_page("resnet50"))) == len(labelled), "another session has them too"


# The user's own


def test_own_pictures_come_first_and_bad_ones_stop_nothing(own_samples: Path) -> None:
    (own_samples / "PNEUMONIA").mkdir(parents=True)
    (own_samples / "PNEUMONIA" / "a.png").write_bytes(encode(grey8(seed=7), "PNG"))
    (own_samples / "broken_*b*.png").write_bytes(b"no image")
    (own_samples / "with_*stars*.png").write_bytes(encode(grey8(seed=8), "PNG"))
    app = open_page("resnet18")
    assert not app.exception
    assert names(app)[:2] == [r"with\_\*stars\*", "Own 1"]
    click(app, "Own 1")
    assert "What do you think?" in text(app)
    assert "**Labelled" not in text(app)
    assert r"PNEUMONIA" not in text(app)


def test_damaged_list_of_own_pictures_takes_nothing_away(own_samples: Path) -> None:
    own_samples.mkdir()
    (own_samples / samples.MANIFEST_NAME).write_text("{")
    app = open_page("resnet18")
    assert "list of your own samples" in app.info[0].value
    assert names(app)[:2] in (["First", "Second"], ["Second", "First"])
    assert decision(click(app, "First"))

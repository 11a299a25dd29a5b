"""The radiograph and what lies over it."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from streamlit.testing.v1 import AppTest

from pulmoscan.ui.panels.viewer import LARGEST_SIDE, LEVELS
from tests.pictures import encode, grey8
from tests.ui.app import click, open_page, panes, text, upload, viewer


@pytest.fixture
def app() -> AppTest:
    """A page with a result."""
    return click(open_page("resnet18"), "First")


def image(source: str) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",", 1)[1]))))


def test_radiograph_is_shown_as_it_is_and_heat_lies_over_it(app: AppTest) -> None:
    original = grey8(256, 300, seed=0)
    radiograph = image(viewer(app)["source"])
    assert radiograph.shape == original.shape
    assert np.abs(radiograph.astype(int) - original).mean() < 1
    plain, overlaid = panes(app)
    assert plain["heats"] == []
    heat = image(overlaid["heats"][0]["source"])
    assert heat.shape[2] == 4, "colours, and more opaque where the heat is stronger"
    assert heat.shape[1] / heat.shape[0] == pytest.approx(300 / 256, abs=0.01)
    assert heat[..., 3].max() > 0
    assert len(overlaid["heats"][0]["contours"]) == len(LEVELS)


def test_large_radiograph_comes_small_at_first_and_whole_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    app = upload(open_page("resnet18"), encode(grey8(1500, 3000), "PNG"))
    assert image(viewer(app)["source"]).shape == (LARGEST_SIDE // 2, LARGEST_SIDE)
    assert (viewer(app)["width"], viewer(app)["height"], viewer(app)["full"]) == (3000, 1500, None)
    subject = viewer(app)["subject"]
    monkeypatch.setattr("pulmoscan.ui.panels.viewer.wants_full", lambda key: key == subject)
    assert image(viewer(app.run())["full"]).shape == (1500, 3000)


def test_window_that_is_dragged_shows_the_files_own_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where they have more greys than a screen; the others have all of them in the browser."""
    deep = np.linspace(20_000, 21_000, 300 * 260).reshape(260, 300).astype(np.uint16)
    app = upload(open_page("resnet18"), encode(deep, "PNG"))
    assert (viewer(app)["deep"], viewer(app)["window"]) == (True, None)
    picture = viewer(app)["picture"]
    low, high = 20_100 / 65_535, 20_200 / 65_535
    monkeypatch.setattr("pulmoscan.ui.panels.viewer.window_of", lambda shown: (low, high) if shown == picture else None)
    *ends, source = viewer(app.run())["window"]
    assert ends == [low, high]
    assert len(np.unique(image(source))) > 60, "of greys of which 8 bits hold two"
    assert viewer(click(app, "First"))["deep"] is False


def test_methods_are_those_that_differ(app: AppTest) -> None:
    names = [heat["name"] for heat in panes(app)[1]["heats"]]
    assert names[0] == "HiResCAM", "the card's choice"
    assert len(names) == len(set(names))


def test_caption_claims_no_cause(app: AppTest) -> None:
    assert panes(app)[1]["title"] == "What raised the score"
    assert "cause" not in text(app)


def test_where_the_heat_lies_is_said_in_words(app: AppTest) -> None:
    assert "Most heat: **" in text(app)
    assert "inside the outlined lungs" in text(app)


def test_faint_map_is_said_to_be_faint_and_has_no_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulmoscan.screening.FAINT_HEAT", 1.1)
    app = click(open_page("resnet18"), "First")
    assert "Hardly anything in the picture raised the score" in text(app)
    assert "inside the outlined lungs" not in text(app)

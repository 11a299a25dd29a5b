"""The radiograph and its overlay."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from streamlit.testing.v1 import AppTest

from pulmoscan.ui.panels.heatmap import LARGEST_SIDE
from tests.pictures import encode, grey8
from tests.ui.app import click, open_page, panes, text, upload


@pytest.fixture
def app() -> AppTest:
    """A page with a result."""
    return click(open_page("resnet18"), "First")


def image(pane: dict[str, str]) -> NDArray[np.uint8]:
    jpeg = base64.b64decode(pane["source"].removeprefix("data:image/jpeg;base64,"))
    return np.asarray(Image.open(io.BytesIO(jpeg)))


def test_radiograph_is_shown_as_it_is(app: AppTest) -> None:
    radiograph, overlay = (image(pane) for pane in panes(app))
    original = grey8(256, 300, seed=0)
    assert radiograph.shape == original.shape
    assert np.abs(radiograph.astype(int) - original).mean() < 1
    assert overlay.shape == (*original.shape, 3)
    assert np.ptp(overlay.astype(int), axis=2).max() > 20, "colour"


def test_large_radiograph_is_scaled_down_for_the_screen() -> None:
    app = upload(open_page("resnet18"), encode(grey8(1500, 3000), "PNG"))
    assert [image(pane).shape[:2] for pane in panes(app)] == [(LARGEST_SIDE // 2, LARGEST_SIDE)] * 2


def test_heatmap_can_be_hidden(app: AppTest) -> None:
    for toggle in ("Heatmap", "Lung outline"):
        next(t for t in app.toggle if t.label == toggle).set_value(False).run()
    assert [pane["title"] for pane in panes(app)] == ["Radiograph"]
    assert "What raised the score" not in text(app)


def test_opacity_and_method_change_the_overlay_alone(app: AppTest) -> None:
    next(t for t in app.toggle if t.label == "Lung outline").set_value(False).run()
    radiograph, overlay = panes(app)
    next(slider for slider in app.slider if slider.label == "Opacity").set_value(0.0).run()
    assert panes(app)[0] == radiograph
    bare = image(panes(app)[1]).astype(int)
    assert np.ptp(bare, axis=2).max() < 5, "no colour at opacity 0"
    next(slider for slider in app.slider if slider.label == "Opacity").set_value(0.6).run()
    assert panes(app)[1] == overlay
    method = next(c for c in app.segmented_control if c.label == "Method")
    assert method.value == "hirescam", "the card's choice"
    method.set_value("gradcam").run()
    assert "Grad-CAM" in panes(app)[1]["title"]


def test_caption_claims_no_cause(app: AppTest) -> None:
    assert panes(app)[1]["title"].startswith("What raised the score")
    assert "cause" not in text(app)


@pytest.mark.parametrize(("limit", "faint"), [(0.0, False), (1.1, True)])
def test_faint_map_is_said_to_be_faint(monkeypatch: pytest.MonkeyPatch, limit: float, faint: bool) -> None:
    monkeypatch.setattr("pulmoscan.screening.FAINT_HEAT", limit)
    app = click(open_page("resnet18"), "First")
    assert any("Hardly anything in the picture raised the score" in info.value for info in app.info) == faint

"""What happens in a real browser to pictures that are no upright chest radiograph, with the trained lung network."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from pulmoscan.gallery.samples import gallery
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.training.data.not_chest import text_page
from tests.browser.conftest import Open
from tests.browser.test_app import CLEARED, OUTPUT, SUSPECTED, in_view, panes, say_child, settled

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect

pytestmark = [pytest.mark.browser, pytest.mark.weights]

DECISION = re.compile(f"{SUSPECTED}|{CLEARED}")


@pytest.fixture
def save(tmp_path: Path) -> Callable[[np.ndarray, str], Path]:
    """Writes a picture to upload."""

    def save(pixels: np.ndarray, name: str) -> Path:
        path = tmp_path / name
        Image.fromarray(pixels).save(path)
        return path

    return save


def sample() -> np.ndarray:
    """A radiograph of the gallery, uint8 [H, W]."""
    return (load_radiograph(gallery()[0].path).pixels * 255).astype(np.uint8)


def upload(page: Page, path: Path) -> None:
    page.locator("input[type=file]").set_input_files(path)
    expect(in_view(page)).to_contain_text(path.name)
    settled(page)


def shoot(page: Page, name: str, width: int) -> None:
    """The whole of a page, which must fit the width."""
    settled(page)
    main = page.get_by_test_id("stMain")
    assert main.evaluate("main => main.scrollWidth <= main.clientWidth"), "fits the width"
    height = main.evaluate("main => main.scrollHeight")
    OUTPUT.mkdir(exist_ok=True)
    page.set_viewport_size({"width": width, "height": max(844, height)})
    page.screenshot(path=OUTPUT / f"{name}-{width}.png")
    page.set_viewport_size({"width": width, "height": 844})


@pytest.mark.parametrize("width", [1280, 390])
def test_page_of_text_is_refused_and_can_be_screened_all_the_same(
    app: str, new_page: Open, save: Callable[[np.ndarray, str], Path], width: int
) -> None:
    page = new_page(width, 844)
    page.goto(f"{app}/densenet121")
    upload(page, save(text_page(random.Random(1), []), "letter.png"))
    expect(page.get_by_text("does not look like a frontal chest radiograph")).to_be_visible()
    expect(page.get_by_text(DECISION)).to_have_count(0)
    expect(panes(page)).to_have_count(1)
    shoot(page, "refused", width)

    page.get_by_role("button", name="Screen it all the same").click()
    say_child(page)
    expect(page.get_by_text(DECISION).first).to_be_visible()
    expect(page.get_by_text("Screened although it was refused")).to_be_visible()
    shoot(page, "overridden", width)
    page.locator(".st-key-obey").get_by_role("button").click()
    expect(page.get_by_text(DECISION)).to_have_count(0)


@pytest.mark.parametrize(
    ("name", "spoil", "says", "button"),
    [
        ("upside-down", lambda pixels: pixels[::-1, ::-1], "looks upside down", "Turn by 180°"),
        ("negative", lambda pixels: 255 - pixels, "looks inverted: bone dark on white", "Invert the grey values"),
    ],
)
def test_one_click_puts_a_radiograph_right(
    app: str,
    new_page: Open,
    save: Callable[[np.ndarray, str], Path],
    name: str,
    spoil: Callable[[np.ndarray], np.ndarray],
    says: str,
    button: str,
) -> None:
    page = new_page(1280, 844)
    page.goto(f"{app}/densenet121")
    upload(page, save(np.ascontiguousarray(spoil(sample())), f"{name}.png"))
    expect(page.get_by_text(says)).to_be_visible()
    shoot(page, name, 1280)
    page.get_by_role("button", name=button).click()
    say_child(page)
    expect(page.get_by_text(DECISION).first).to_be_visible()
    expect(in_view(page)).to_contain_text("by you.")
    expect(panes(page)).to_have_count(2)
    shoot(page, f"{name}-corrected", 1280)

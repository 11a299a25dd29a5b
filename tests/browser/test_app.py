"""A visit to the app in a real browser."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pulmoscan.gallery.samples import gallery, shuffled
from tests.browser.conftest import ROOT, Open, running_app

if TYPE_CHECKING:
    from playwright.sync_api import FloatRect, Locator, Page

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect

pytestmark = pytest.mark.browser

OUTPUT = Path(__file__).parent / "output"
README_PICTURE = ROOT / "docs" / "images" / "model-page.png"
ALTS = "images => images.map(image => image.alt)"
SUSPECTED, CLEARED = "Pneumonia suspected", "No sign of pneumonia found"
PNEUMONIA = next(n for n, sample in enumerate(shuffled(gallery())) if sample.label == "pneumonia")
TITLES = {"densenet121": "DenseNet-121", "resnet50": "ResNet-50"}


def samples(page: Page) -> Locator:
    return page.locator(".st-key-gallery").get_by_test_id("stButton").get_by_role("button")


def in_view(page: Page) -> Locator:
    """The line that names the radiograph in view."""
    return page.locator(".st-key-chosen")


def panes(page: Page) -> Locator:
    return page.locator(".frame img")


def settled(page: Page) -> None:
    """Wait until the app has nothing more to draw."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    expect(page.locator("[data-stale=true]")).to_have_count(0)


def resting_place(locator: Locator) -> FloatRect:
    """Where an element comes to rest: another decision's text moves what stands below it."""
    before, box = None, locator.bounding_box()
    while box is None or box != before:
        locator.page.wait_for_timeout(200)
        before, box = box, locator.bounding_box()
    return box


def drag_threshold(page: Page, share: float) -> None:
    """Drag the slider's handle to a share of its track, by mouse."""
    slider = page.get_by_test_id("stSlider").filter(has_text="Threshold")
    settled(page)
    slider.scroll_into_view_if_needed()
    track = resting_place(slider)
    handle = resting_place(slider.get_by_test_id("stSliderThumbValue").locator(".."))  # its label's parent
    y = handle["y"] + handle["height"] / 2
    page.mouse.move(handle["x"] + handle["width"] / 2, y)
    page.mouse.down()
    page.mouse.move(track["x"] + share * track["width"], y, steps=8)
    page.mouse.up()


def test_visit(app: str, new_page: Open, upload_file: Path) -> None:
    page = new_page()
    page.goto(f"{app}/densenet121")
    page.locator("input[type=file]").set_input_files(upload_file)
    expect(in_view(page)).to_contain_text("from_the_ward.png")
    expect(page.get_by_text(re.compile(f"{SUSPECTED}|{CLEARED}"))).to_be_visible()
    expect(panes(page)).to_have_count(2)
    uploaded = panes(page).first.get_attribute("src")

    samples(page).first.focus()
    page.keyboard.press("Enter")  # the gallery works without a mouse
    expect(in_view(page)).not_to_contain_text("from_the_ward.png")
    expect(panes(page).first).not_to_have_attribute("src", uploaded or "")

    drag_threshold(page, 1.0)
    expect(page.get_by_text("the threshold of 1.000")).to_be_visible()
    expect(page.get_by_text(CLEARED)).to_be_visible()
    drag_threshold(page, 0.0)
    expect(page.get_by_text("the threshold of 0.000")).to_be_visible()
    expect(page.get_by_text(SUSPECTED)).to_be_visible()
    page.get_by_role("button", name="Back to the default").click()
    expect(page.get_by_text("the threshold of 0.000")).to_have_count(0)

    settled(page)
    shown = in_view(page).inner_text()
    picture = panes(page).first.get_attribute("src")
    page.get_by_role("link", name=TITLES["resnet50"]).first.click()
    expect(page.get_by_role("heading", name=TITLES["resnet50"])).to_be_visible()
    expect(panes(page)).to_have_count(2)
    assert in_view(page).inner_text() == shown
    assert panes(page).first.get_attribute("src") == picture


def test_gallery_asks_before_it_tells_by_keyboard_alone(app: str, new_page: Open) -> None:
    page = new_page()
    page.goto(f"{app}/resnet18")
    case = samples(page).nth(PNEUMONIA)
    expect(case).to_be_visible()
    shown = page.get_by_test_id("stMain")
    for telling in ("Pneumonia 1", "Normal 1", "generator's pneumonia class"):
        expect(shown.get_by_text(telling)).to_have_count(0)
    assert not re.search("normal|pneumonia", " ".join(page.locator(".st-key-gallery img").evaluate_all(ALTS)), re.I)

    for _ in range(60):  # Tab reaches it, without the mouse
        page.keyboard.press("Tab")
        if case.evaluate("button => button === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(panes(page)).to_have_count(2)
    settled(page)
    question = page.locator(".st-key-question")
    expect(question).to_contain_text("What do you think?")
    expect(question).not_to_contain_text("Labelled")
    question.get_by_role("button", name="Normal").focus()
    page.keyboard.press("Enter")
    expect(question).to_contain_text("You thought: normal. Labelled pneumonia.")
    expect(question).to_contain_text("Drawn from the generator's pneumonia class.")
    expect(in_view(page)).to_contain_text("shows no real patient")
    expect(samples(page).nth(PNEUMONIA)).to_have_text(re.compile(r"Case \d+: pneumonia"))


def test_panes_zoom_and_move_together(app: str, new_page: Open) -> None:
    page = new_page()
    page.goto(f"{app}/densenet121")
    samples(page).first.click()
    expect(panes(page)).to_have_count(2)
    settled(page)
    page.get_by_role("button", name="Zoom in").click()
    expect(page.get_by_text("150 %")).to_be_visible()
    before = panes(page).evaluate_all("images => images.map(image => image.style.transform)")
    assert before[0] == before[1]
    assert "scale(1.5)" in before[0]

    box = panes(page).last.locator("..").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 40, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    after = panes(page).evaluate_all("images => images.map(image => image.style.transform)")
    assert after[0] == after[1] != before[0]

    page.get_by_role("button", name="Fit").click()
    expect(page.get_by_text("100 %", exact=True)).to_be_visible()
    samples(page).nth(1).dispatch_event("click")
    settled(page)
    expect(page.get_by_text("100 %", exact=True)).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("device", "width", "height"), [("desktop", 1440, 900), ("phone", 390, 844)])
def test_look(app: str, new_page: Open, device: str, width: int, height: int, scheme: str) -> None:
    page = new_page(width, height, scheme)
    OUTPUT.mkdir(exist_ok=True)

    def shoot(name: str) -> None:
        """The whole of a page, however long: the window grows to it."""
        settled(page)
        needed = page.get_by_test_id("stMain").evaluate("main => main.scrollHeight")
        assert page.get_by_test_id("stMain").evaluate("main => main.scrollWidth <= main.clientWidth"), "fits the width"
        page.set_viewport_size({"width": width, "height": max(height, needed)})
        page.screenshot(path=OUTPUT / f"{name}-{device}-{scheme}.png")
        page.set_viewport_size({"width": width, "height": height})

    page.goto(app)
    expect(page.get_by_role("heading", name="Privacy")).to_be_visible()
    background = page.get_by_test_id("stApp").evaluate("app => getComputedStyle(app).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(15, 23, 27)"}[scheme]
    shoot("overview")

    page.goto(f"{app}/densenet121")
    expect(samples(page).first).to_be_visible()
    shoot("gallery")
    samples(page).nth(PNEUMONIA).click()
    expect(panes(page)).to_have_count(2)
    shoot("model-page")
    if os.environ.get("PULMOSCAN_SAVE_SCREENSHOTS") == "1" and (device, scheme) == ("desktop", "light"):
        README_PICTURE.parent.mkdir(parents=True, exist_ok=True)
        README_PICTURE.write_bytes((OUTPUT / f"model-page-{device}-{scheme}.png").read_bytes())


def test_first_address_asked_of_a_new_server_may_be_any_page(weights: Path, new_page: Open) -> None:
    page = new_page()
    elsewhere: list[str] = []
    with running_app(weights) as address:
        page.on("request", lambda r: None if r.url.startswith((address, "data:", "blob:")) else elsewhere.append(r.url))
        page.goto(f"{address}/resnet50")
        expect(page.get_by_role("heading", name=TITLES["resnet50"])).to_be_visible()
        expect(page.get_by_role("link", name=TITLES["densenet121"])).to_be_visible()
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.goto(address)
        expect(page.get_by_role("heading", name="Privacy")).to_be_visible()
    assert elsewhere == [], "the app asks nothing of other servers"

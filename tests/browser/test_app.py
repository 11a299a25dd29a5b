"""A visit to the app in a real browser."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from pulmoscan.gallery.samples import gallery, shuffled
from pulmoscan.reading.radiograph import load_radiograph
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
    return page.locator(".frame img.base")


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


def show_result(page: Page) -> None:
    """Answer the gallery's question with no guess."""
    page.get_by_role("button", name="Just show the result").click()
    expect(panes(page)).to_have_count(2)
    settled(page)


def say_child(page: Page) -> None:
    """Answer the question that an upload without an age raises."""
    page.locator(".st-key-ask").get_by_role("button", name="Child").click()


def threshold(page: Page) -> Locator:
    return page.get_by_role("slider", name="Threshold")


def test_visit(app: str, new_page: Open, upload_file: Path) -> None:
    page = new_page()
    page.goto(f"{app}/densenet121")
    page.locator("input[type=file]").set_input_files(upload_file)
    expect(in_view(page)).to_contain_text("from_the_ward.png")
    expect(page.get_by_text("Child or adult?")).to_be_visible()
    expect(panes(page)).to_have_count(1)
    expect(page.get_by_text(re.compile(f"{SUSPECTED}|{CLEARED}"))).to_have_count(0)
    say_child(page)
    expect(page.get_by_text(re.compile(f"{SUSPECTED}|{CLEARED}")).first).to_be_visible()
    expect(panes(page)).to_have_count(2)
    uploaded = panes(page).first.get_attribute("src")
    settled(page)
    frame = page.locator(".panes").bounding_box()
    column = page.get_by_test_id("stMainBlockContainer").bounding_box()
    assert frame
    assert column
    assert frame["y"] < 900, "above the fold"
    assert frame["width"] > 0.6 * (column["width"] - 160), "without its margins"

    samples(page).first.focus()
    page.keyboard.press("Enter")  # the gallery works without a mouse
    expect(in_view(page)).not_to_contain_text("from_the_ward.png")
    show_result(page)
    expect(panes(page).first).not_to_have_attribute("src", uploaded or "")

    # The decision follows while the handle is still held.
    box = resting_place(threshold(page))
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 1, middle, steps=6)
    expect(page.get_by_text("the threshold of 0.999")).to_be_visible()
    expect(page.get_by_text(CLEARED).first).to_be_visible()
    page.mouse.move(box["x"] + 1, middle, steps=6)
    expect(page.get_by_text("the threshold of 0.001")).to_be_visible()
    expect(page.get_by_text(SUSPECTED).first).to_be_visible()
    page.mouse.up()
    settled(page)
    page.get_by_role("spinbutton", name="Threshold").fill("0.02")
    page.keyboard.press("Tab")
    expect(page.get_by_text("the threshold of 0.020")).to_be_visible()
    expect(page).to_have_url(re.compile("threshold=0.020"))
    page.get_by_role("button", name="High sensitivity").click()
    expect(page.get_by_text("the threshold of 0.020")).to_have_count(0)

    settled(page)
    shown = in_view(page).inner_text()
    picture = panes(page).first.get_attribute("src")
    page.get_by_role("link", name=TITLES["resnet50"]).first.click()
    expect(page.get_by_role("heading", name=TITLES["resnet50"])).to_be_visible()
    expect(page).to_have_title(re.compile("ResNet-50"))
    expect(panes(page)).to_have_count(2)
    assert in_view(page).inner_text() == shown
    assert panes(page).first.get_attribute("src") == picture


def test_gallery_asks_before_it_tells_by_keyboard_alone(app: str, new_page: Open) -> None:
    page = new_page()
    page.goto(f"{app}/resnet18?case=1")
    expect(panes(page)).to_have_count(1)
    shown = page.get_by_test_id("stMain")
    for telling in ("Pneumonia 1", "Normal 1", "generator's pneumonia class"):
        expect(shown.get_by_text(telling)).to_have_count(0)
    assert not re.search("normal|pneumonia", " ".join(page.locator(".st-key-gallery img").evaluate_all(ALTS)), re.I)
    settled(page)
    for _ in range(PNEUMONIA):
        name = in_view(page).inner_text()
        page.keyboard.press("ArrowRight")  # the next case
        expect(in_view(page)).not_to_have_text(name, use_inner_text=True)
        settled(page)
    expect(page).to_have_url(re.compile(f"case={PNEUMONIA + 1}$"))
    question = page.locator(".st-key-question")
    question.get_by_role("button", name="Normal").focus()
    page.keyboard.press("Enter")
    answer = page.locator(".st-key-answer")
    expect(answer).to_contain_text("You thought: normal. Labelled pneumonia.")
    expect(answer).to_contain_text("Drawn from the generator's pneumonia class.")
    expect(samples(page).nth(PNEUMONIA)).to_have_text(re.compile(r"Case \d+: pneumonia"))
    settled(page)
    page.reload()
    expect(in_view(page)).to_contain_text(f"Case {PNEUMONIA + 1}")


def test_viewer(app: str, new_page: Open) -> None:
    """Panes zoom and move together; the window, the heat and the display change without a run of the page."""
    page = new_page()
    page.goto(f"{app}/densenet121?case={PNEUMONIA + 1}")
    show_result(page)
    runs: list[str] = []
    page.on("websocket", lambda _: runs.append("reconnected"))
    stages = page.locator(".stage")
    transforms = "stages => stages.map(stage => stage.style.transform)"
    page.get_by_role("button", name="Zoom in").click()
    expect(page.locator("output", has_text="150 %")).to_be_visible()
    before = stages.evaluate_all(transforms)
    assert before[0] == before[1]
    assert "scale(1.5)" in before[0]
    frame = page.locator(".frame").last
    box = resting_place(frame)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def drag(across: int, down: int, button: str = "left") -> None:
        page.mouse.move(x, y)
        page.mouse.down(button=button)  # type: ignore[arg-type]
        page.mouse.move(x + across, y + down, steps=4)
        page.mouse.up(button=button)  # type: ignore[arg-type]

    drag(40, 0)
    after = stages.evaluate_all(transforms)
    assert after[0] == after[1] != before[0]
    expect(page.locator(".status")).to_be_empty()
    drag(0, 60, "right")
    assert "url(" in (panes(page).first.get_attribute("style") or "")
    expect(page.locator(".status")).to_contain_text("Display only")
    page.get_by_role("button", name="Contours").click()
    assert page.locator(".contour").first.evaluate("path => getComputedStyle(path).stroke") != "none"
    expect(page.locator(".heat").last).to_be_hidden()
    page.get_by_role("button", name="Ruler").click()
    drag(50, 50)
    expect(page.locator(".ruler text").first).to_contain_text("pixels")
    frame.focus()
    for key in ("i", "r", "f", "?"):
        page.keyboard.press(key)
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    assert "rotate(90deg) scaleX(-1)" in stages.evaluate_all(transforms)[0]
    page.keyboard.press("Escape")
    page.keyboard.press("Backspace")
    expect(page.locator(".status")).to_be_empty()
    expect(page.locator("output", has_text="100 %")).to_be_visible()
    page.get_by_role("button", name="One picture").click()
    expect(panes(page)).to_have_count(1)
    page.get_by_role("button", name="Side by side").click()
    expect(panes(page)).to_have_count(2)


def test_window_of_sixteen_bits(app: str, new_page: Open, tmp_path: Path) -> None:
    """A narrow window of a deep file shows greys that eight bits do not hold, and is what the browser draws."""
    deep = tmp_path / "deep.png"
    Image.fromarray((load_radiograph(gallery()[-1].path).pixels * 0.1 * 65_535).astype(np.uint16)).save(deep)
    page = new_page()
    page.goto(f"{app}/resnet18")
    page.locator("input[type=file]").set_input_files(deep)
    say_child(page)
    expect(panes(page)).to_have_count(2)
    settled(page)
    first = panes(page).first
    frame = page.locator(".frame").first
    before = first.get_attribute("src")
    frame.focus()
    for key in [*["Shift+ArrowLeft"] * 22, *["Shift+ArrowDown"] * 22]:
        frame.press(key)
    expect(first).not_to_have_attribute("src", before or "")
    expect(first).not_to_have_attribute("style", re.compile("url"))  # the picture's own window, and no filter
    greys = first.evaluate(
        """picture => {
            const [w, h] = [picture.naturalWidth, picture.naturalHeight];
            const canvas = Object.assign(document.createElement("canvas"), { width: w, height: h });
            const pen = canvas.getContext("2d");
            pen.drawImage(picture, 0, 0);
            return new Set(pen.getImageData(0, 0, w, h).data.filter((_, n) => n % 4 === 0)).size;
        }"""
    )
    assert greys > 100
    frame.press("Backspace")
    expect(first).to_have_attribute("src", before or "")


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
    expect(page.get_by_role("heading", name="The models, as measured")).to_be_visible()
    background = page.get_by_test_id("stApp").evaluate("app => getComputedStyle(app).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(15, 23, 27)"}[scheme]
    shoot("overview")

    page.goto(f"{app}/densenet121")
    expect(samples(page).first).to_be_visible()
    shoot("gallery")
    samples(page).nth(PNEUMONIA).click()
    page.get_by_role("button", name="Just show the result").click()
    expect(page.get_by_text(re.compile(f"{SUSPECTED}|{CLEARED}")).first).to_be_visible()
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
        expect(page.get_by_role("heading", name="The models, as measured")).to_be_visible()
    assert elsewhere == [], "the app asks nothing of other servers"

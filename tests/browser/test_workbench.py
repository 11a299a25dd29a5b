"""The researcher's pages in a real browser: compare, threshold lab, batch, history."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import Open
from tests.browser.test_app import OUTPUT, in_view, panes, resting_place, samples, settled

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect

pytestmark = pytest.mark.browser


def charts(page: Page) -> Locator:
    return page.get_by_test_id("stVegaLiteChart").locator("canvas, svg.marks")


def select_first_row(page: Page) -> None:
    """By its check box. The table is a canvas, so it is clicked by place; while it is drawn anew it hears no click."""
    table = page.get_by_test_id("stDataFrame").first
    for _ in range(3):
        table.evaluate("table => table.scrollIntoView({block: 'center'})")
        box = resting_place(table)
        page.mouse.click(box["x"] + 18, box["y"] + 52)
        try:
            expect(panes(page).first).to_be_visible(timeout=15_000)
        except AssertionError:
            continue
        return
    raise AssertionError("a click on the first row shows no radiograph")


def go_to(page: Page, title: str) -> None:
    """By the menu, so that the session stays; on a phone it is in the sidebar."""
    if page.get_by_test_id("stExpandSidebarButton").is_visible():
        page.get_by_test_id("stExpandSidebarButton").click()
    else:
        page.get_by_text("Workbench", exact=True).first.click()
    links = page.get_by_test_id("stTopNavDropdownLink").or_(page.get_by_test_id("stSidebarNavLink"))
    links.filter(has_text=title).first.click()
    expect(page.get_by_role("heading", name=title).first).to_be_visible()


def count_of(page: Page, words: str) -> int:
    """A count in the confusion matrix."""
    cell = page.locator(".confusion td").filter(has_text=words).inner_text()
    return int(cell.split()[0])


def screen_batch(page: Page, app: str, ward: list[Path]) -> None:
    page.goto(f"{app}/batch")
    page.locator("input[type=file]").set_input_files(ward)
    page.get_by_role("button", name="Screen them").click()
    expect(page.get_by_text(re.compile(r"4 screened with"))).to_be_visible()
    settled(page)


def test_compare(app: str, new_page: Open) -> None:
    page = new_page()
    page.goto(f"{app}/compare")
    samples(page).first.click()
    page.get_by_role("button", name="Just show the result").click()
    expect(page.get_by_text(re.compile(r"of \d+ (suspect|find no sign)")).first).to_be_visible()
    expect(panes(page)).to_have_count(1 + page.locator(".compare .model:not(.joint)").count())
    page.get_by_role("button", name="Grad-CAM").click()
    settled(page)
    assert page.locator(".compare .joint").first.inner_text().startswith("Consensus")
    page.get_by_role("button", name="Zoom in").click()
    moved = page.locator(".stage").evaluate_all("stages => stages.map(stage => stage.style.transform)")
    assert len(set(moved)) == 1, "all panes move together"


def test_threshold_lab(app: str, new_page: Open) -> None:
    page = new_page()
    page.goto(f"{app}/threshold_lab")
    expect(charts(page)).to_have_count(4)
    settled(page)
    page.get_by_role("button", name="Youden").click()
    settled(page)
    found, alarms = count_of(page, "found"), count_of(page, "false positives")
    handle = page.get_by_role("slider", name="Threshold")
    handle.focus()
    handle.press("End")
    expect(page.locator(".confusion td").filter(has_text="found").locator("b")).to_have_text("0")
    handle.press("Home")
    expect(page.locator(".confusion td").filter(has_text="cleared").locator("b")).to_have_text("0")
    assert count_of(page, "found") >= found
    assert count_of(page, "false positives") > alarms
    settled(page)  # each redraw gives the downloads new addresses
    with page.expect_download() as started:
        page.get_by_role("button", name="Figures (SVG)").click()
    assert b"<svg" in Path(started.value.path()).read_bytes()
    with page.expect_download() as started:
        page.get_by_role("button", name="Curves (CSV)").click()
    assert Path(started.value.path()).read_text().startswith("threshold,true_positives")


def test_click_on_the_roc_curve_sets_the_threshold(app: str, new_page: Open) -> None:
    page = new_page()
    page.goto(f"{app}/threshold_lab")
    expect(charts(page)).to_have_count(4)
    settled(page)
    entry = page.get_by_role("spinbutton", name="Threshold")
    before, alarms = float(entry.input_value()), count_of(page, "false positives")
    roc = charts(page).first
    roc.evaluate("chart => chart.scrollIntoView({block: 'center'})")
    box = resting_place(roc)
    # Far up and to the right: where nearly everything is called pneumonia.
    page.mouse.click(box["x"] + 0.85 * box["width"], box["y"] + 0.06 * box["height"])
    expect(entry).not_to_have_value(f"{before:.3f}")
    settled(page)
    assert float(entry.input_value()) < before
    assert count_of(page, "false positives") > alarms
    expect(page).to_have_url(re.compile(f"threshold={entry.input_value()}"))


def test_batch(app: str, new_page: Open, ward: list[Path]) -> None:
    page = new_page()
    screen_batch(page, app, ward)
    expect(page.get_by_text("1 failed")).to_be_visible()
    expect(page.get_by_text("1 of them the same file twice")).to_be_visible()
    page.get_by_text("Children", exact=True).click()
    settled(page)
    select_first_row(page)
    expect(panes(page)).to_have_count(2)
    expect(page.get_by_text(re.compile("Pneumonia suspected|No sign of pneumonia found")).first).to_be_visible()
    settled(page)
    expect(page.get_by_text("1 of 4", exact=True)).to_be_visible()
    page.locator(".st-key-flow").get_by_role("button", name="Next").focus()
    page.keyboard.press("ArrowRight")  # leafs through, with the picture beside the list
    expect(page.get_by_text("2 of 4", exact=True)).to_be_visible()
    page.get_by_text("Disagree", exact=True).first.click()
    settled(page)
    with page.expect_download() as results:
        page.get_by_role("button", name="Results (CSV)").click()
    assert "disagree" in Path(results.value.path()).read_text()
    page.get_by_role("button", name="Open on the model's page").click()
    expect(in_view(page)).to_contain_text(re.compile("ward|again"))
    expect(panes(page)).to_have_count(2)
    go_to(page, "Batch")
    expect(page.get_by_text(re.compile("4 screened with"))).to_be_visible()
    page.get_by_role("button", name="Make a zip of 4").click()
    with page.expect_download() as started:
        page.get_by_role("button", name="Overlays (zip, 4)").click()
    assert len(zipfile.ZipFile(started.value.path()).namelist()) == 5
    go_to(page, "History")
    expect(page.get_by_text("4 readings")).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_text("Nothing was screened yet")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("device", "width", "height"), [("desktop", 1280, 900), ("phone", 390, 844)])
def test_look(app: str, new_page: Open, ward: list[Path], device: str, width: int, height: int, scheme: str) -> None:
    page = new_page(width, height, scheme)
    OUTPUT.mkdir(exist_ok=True)

    def shoot(name: str) -> None:
        settled(page)
        main = page.get_by_test_id("stMain")
        assert main.evaluate("main => main.scrollWidth <= main.clientWidth"), "fits the width"
        page.set_viewport_size({"width": width, "height": max(height, main.evaluate("main => main.scrollHeight"))})
        settled(page)
        page.screenshot(path=OUTPUT / f"{name}-{device}-{scheme}.png")
        page.set_viewport_size({"width": width, "height": height})

    page.goto(f"{app}/compare")
    samples(page).first.click()
    page.get_by_role("button", name="Just show the result").click()
    expect(panes(page).nth(2)).to_be_visible()
    shoot("compare")
    page.goto(f"{app}/threshold_lab")
    expect(charts(page)).to_have_count(4)
    page.get_by_text("Overlay the curves of all models").click()
    shoot("threshold-lab")
    screen_batch(page, app, ward)
    page.get_by_text("Children", exact=True).click()
    settled(page)
    select_first_row(page)
    expect(panes(page).first).to_be_visible()
    shoot("batch")
    go_to(page, "History")
    shoot("history")

"""Exports asked for the moment after something changed: each must come, and be of what is then in force."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import Open
from tests.browser.test_app import say_child, settled
from tests.browser.test_reports import download
from tests.browser.test_workbench import go_to

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect

pytestmark = pytest.mark.browser

LABELS = ("JSON", "PDF", "DICOM report", "DICOM overlay", "PNG overlay")


@pytest.fixture
def page(app: str, new_page: Open, upload_file: Path) -> Page:
    page = new_page(1280, 1400)
    page.goto(f"{app}/resnet18")
    page.locator("input[type=file]").set_input_files(upload_file)
    say_child(page)
    expect(page.locator(".frame img.base")).to_have_count(2)
    page.get_by_text("Export a report").click()
    settled(page)
    return page


def test_each_export_right_after_a_key_moved_the_threshold(page: Page) -> None:
    handle = page.get_by_role("slider", name="Threshold")
    for label in LABELS:
        handle.focus()
        handle.press("ArrowRight")
        name, content = download(page, label)
        assert len(content) > 300, name
        if label == "JSON":
            assert f"{json.loads(content)['threshold']:.3f}" == handle.get_attribute("aria-valuetext")


def test_each_export_right_after_a_toggle(page: Page) -> None:
    for label in LABELS:
        page.get_by_text("Anonymous", exact=True).click()
        name, content = download(page, label)
        assert len(content) > 300, name
    settled(page)
    assert name.startswith("radiograph")


def test_the_history_at_once(page: Page) -> None:
    page.get_by_role("slider", name="Threshold").press("ArrowRight")
    go_to(page, "History")
    name, content = download(page, "Export (CSV)")
    assert name == "pulmoscan-history.csv"
    assert b"from_the_ward" in content


def test_one_press_is_one_file(page: Page) -> None:
    files: list[str] = []
    page.on("download", lambda started: files.append(started.suggested_filename))
    with page.expect_download():
        page.get_by_role("button", name="JSON", exact=True).click()
    page.get_by_role("slider", name="Threshold").press("ArrowLeft")
    settled(page)
    page.wait_for_timeout(1000)
    assert files == ["from_the_ward.json"]
    page.get_by_role("button", name="JSON", exact=True).click()
    page.wait_for_timeout(2000)
    assert len(files) == 2, "and a second press is a second one"

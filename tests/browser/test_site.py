"""A site's own evidence in a real browser: blind readers by key, acceptance, a second reader."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pulmoscan.site.labels import read_labels
from tests.browser.conftest import ROOT, Open
from tests.browser.test_app import OUTPUT, settled

if TYPE_CHECKING:
    from playwright.sync_api import Dialog, Page

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect

pytestmark = pytest.mark.browser
NAMES = ("normal_1", "normal_2", "pneumonia_1")


@pytest.fixture
def ward(tmp_path: Path) -> list[Path]:
    files = []
    for name in NAMES:
        files.append(tmp_path / f"{name}.png")
        files[-1].write_bytes((ROOT / "test_samples" / f"{name}.png").read_bytes())
    return files


def draw(page: Page, address: str, ward: list[Path]) -> None:
    page.goto(address)
    page.locator("input[type=file]").first.set_input_files(ward)
    page.get_by_role("button", name="Draw a sample").click()


def read(page: Page, reader: str, keys: str) -> None:
    page.get_by_role("textbox", name="Reader").fill(reader)
    page.get_by_role("button", name="Read", exact=True).click()
    for number, key in enumerate(keys, start=1):
        expect(page.get_by_text(f"{reader}: {number} of {len(keys)}")).to_be_visible()
        expect(page.get_by_text("Radiograph without its name")).to_be_visible()
        expect(page.get_by_text(re.compile("|".join(NAMES)))).to_have_count(0)  # a name may tell the answer
        page.wait_for_timeout(500)  # as one who looks; a key that is pressed twice is no second call
        page.keyboard.press(key)
    expect(page.get_by_text(f"{reader}: has read all")).to_be_visible()


def test_blind_reading(app: str, new_page: Open, ward: list[Path], tmp_path: Path) -> None:
    page = new_page()
    draw(page, f"{app}/blind_reading", ward)
    expect(page.get_by_text("A sample of 3 radiographs.")).to_be_visible()
    read(page, "Ann", "ppp")
    page.screenshot(path=OUTPUT / "blind-one-reader.png")
    read(page, "Bob", "ppn")  # in an order of his own: they differ on one, whichever it is
    expect(page.get_by_text("They differ on 1; 1 of them are not settled yet.")).to_be_visible()
    page.screenshot(path=OUTPUT / "blind-to-settle.png")
    # A name that is typed answers nothing.
    page.get_by_role("textbox", name="Reader").press_sequentially("Penny")
    page.get_by_role("heading", name="Blind reading").click()
    page.wait_for_timeout(1000)
    expect(page.get_by_text("They differ on 1; 1 of them are not settled yet.")).to_be_visible()
    page.keyboard.press("n")
    expect(page.get_by_text("They differ on 1; 0 of them are not settled yet.")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Labels (CSV)").click()
    download.value.save_as(tmp_path / "labels.csv")
    table = read_labels((tmp_path / "labels.csv").read_bytes())
    assert not table.faults
    assert sorted(label.label for label in table.labels) == [0, 1, 1]
    assert {Path(label.file).stem for label in table.labels} == set(NAMES)


def test_a_reload_is_asked_about_and_what_was_saved_goes_on(
    app: str, new_page: Open, ward: list[Path], tmp_path: Path
) -> None:
    page = new_page()
    draw(page, f"{app}/blind_reading", ward)
    page.get_by_role("textbox", name="Reader").fill("Ann")
    page.get_by_role("button", name="Read", exact=True).click()
    expect(page.get_by_text("Ann: 1 of 3")).to_be_visible()
    expect(page.get_by_text("Radiograph without its name")).to_be_visible()
    page.wait_for_timeout(500)
    page.keyboard.press("p")
    page.keyboard.press("p")  # twice, as it happens
    expect(page.get_by_text("Ann: 2 of 3")).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Calls so far (JSON)").click()
    download.value.save_as(tmp_path / "calls.json")
    asked: list[str] = []

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", leave)
    page.reload()
    expect(page.get_by_text("Choose radiographs; a random sample")).to_be_visible()
    assert asked == ["beforeunload"]
    page.locator("input[type=file]").nth(1).set_input_files(tmp_path / "calls.json")
    page.locator("input[type=file]").nth(0).set_input_files(ward)
    page.get_by_role("button", name="Go on", exact=True).click()
    page.get_by_role("button", name="Go on as Ann").click()
    expect(page.get_by_text("Ann: 2 of 3")).to_be_visible()


def test_second_reader(app: str, new_page: Open, ward: list[Path], tmp_path: Path) -> None:
    page = new_page()
    draw(page, f"{app}/second_reader", ward)
    for number in range(1, 4):
        expect(page.get_by_text(f"{number} of 3")).to_be_visible()
        expect(page.get_by_text("Your call", exact=True)).to_be_visible()
        expect(page.get_by_text("The model says")).to_have_count(0)
        expect(page.get_by_text("Radiograph without its name")).to_be_visible()
        page.wait_for_timeout(500)  # as one who looks
        page.keyboard.press("n")
        expect(page.get_by_text("You called: None. The model says:")).to_be_visible()
        expect(page.get_by_text("Your call now")).to_be_visible()
        page.wait_for_timeout(1000)
        if number == 1:
            page.screenshot(path=OUTPUT / "second-reader.png")
        page.keyboard.press("p")
    expect(page.get_by_text("3 radiographs read; 3 calls changed")).to_be_visible()
    labels = tmp_path / "labels.csv"
    labels.write_text("file,label\n" + "".join(f"{path.name},{int('pneumonia' in path.name)}\n" for path in ward))
    page.locator("input[type=file]").first.set_input_files(labels)
    expect(page.get_by_text("found 1 pneumonias more and lost 0")).to_be_visible()
    expect(page.get_by_text("it cost 2 false alarms and spared 0")).to_be_visible()


def test_acceptance(app: str, new_page: Open, ward: list[Path], tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("file,label\n" + "".join(f"{path.name},{int('pneumonia' in path.name)}\n" for path in ward))
    page = new_page()
    page.goto(f"{app}/acceptance")
    page.get_by_text("Sensitivity at least", exact=True).click()
    page.locator("input[type=file]").nth(0).set_input_files(ward)
    expect(page.get_by_text(ward[-1].name)).to_be_visible()
    settled(page)  # the second uploader is drawn anew, and would lose what it was given meanwhile
    page.locator("input[type=file]").nth(1).set_input_files(labels)
    expect(page.get_by_text("3 radiographs have a label")).to_be_visible()
    page.get_by_role("button", name="Test the model").click()
    expect(page.get_by_text("Not accepted: 1 of 1 not shown by so few cases.")).to_be_visible()
    expect(page.get_by_text("Curves with pointwise 95 % bands.")).to_be_visible()
    page.screenshot(path=OUTPUT / "acceptance.png", full_page=True)
    with page.expect_download() as download:
        page.get_by_role("button", name="Report (PDF)").click()
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF")

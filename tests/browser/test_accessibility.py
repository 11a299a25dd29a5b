"""axe-core finds nothing serious or critical on any page and in any state, in light and dark."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from PIL import Image

from pulmoscan.models.registry import EXTERNAL_MODELS
from pulmoscan.training.data.not_chest import text_page
from tests.browser.conftest import Open, running_app
from tests.browser.test_app import panes, samples, say_child, settled
from tests.browser.test_workbench import screen_batch, select_first_row
from tests.models.external.conftest import put
from tests.models.external.published import published_format, random_module

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")

pytestmark = pytest.mark.browser

STREAMLITS_OWN = (
    "#root > div:nth-child(1) > div:nth-child(1) > div:nth-child(1) > div:nth-child(1) > header",
    "[data-testid=stFileUploaderDropzone]",
    "[data-testid=stDataFrame]",
    "[data-testid=stHeader]",
    "[data-testid=stSidebarNavItems]",  # the menu of a phone: a list whose items stand in divisions
)
"""Widgets whose markup is Streamlit's, not ours."""


def faults(page: Page, where: str) -> list[str]:
    """What axe finds serious or critical outside Streamlit's own widgets."""
    settled(page)
    found = axe.Axe().run(page, context={"exclude": [[part] for part in STREAMLITS_OWN]}).response["violations"]
    return [
        f"{where}: {fault['id']} at {node['target']}: {node['failureSummary'][:200]}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


Scheme = Literal["light", "dark"]
everywhere = pytest.mark.parametrize("scheme", ["light", "dark"])
on_all = pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)], ids=["desktop", "phone"])


@everywhere
@on_all
def test_pages(app: str, new_page: Open, upload_file: Path, width: int, height: int, scheme: Scheme) -> None:
    page = new_page(width, height, scheme)
    found: list[str] = []
    for name, sign in (("", "The models, as measured"), ("about", "How to cite"), ("history", "Nothing was screened"),
                       ("threshold_lab", "Confusion matrix"), ("batch", "Choose radiographs")):  # fmt: skip
        page.goto(f"{app}/{name}")
        expect(page.get_by_text(sign).first).to_be_visible()
        found += faults(page, name or "overview")
    page.goto(f"{app}/resnet18?case=1")
    expect(panes(page)).to_have_count(1)
    found += faults(page, "a guess")
    page.get_by_role("button", name="Just show the result").click()
    expect(page.get_by_text(re.compile("the threshold of")).first).to_be_visible()
    found += faults(page, "a result")
    page.locator("input[type=file]").set_input_files(upload_file)
    expect(page.get_by_text("Child or adult?")).to_be_visible()
    found += faults(page, "the question for the patient")
    say_child(page)
    expect(page.get_by_text(re.compile("the threshold of")).first).to_be_visible()
    found += faults(page, "an upload")
    assert found == []


@everywhere
@on_all
def test_compare_batch_and_refusal(
    app: str, new_page: Open, ward: list[Path], tmp_path: Path, width: int, height: int, scheme: Scheme
) -> None:
    page = new_page(width, height, scheme)
    page.goto(f"{app}/compare")
    samples(page).first.click()
    page.get_by_role("button", name="Just show the result").click()
    expect(page.get_by_text(re.compile(r"of \d+ (suspect|find no sign)")).first).to_be_visible()
    found = faults(page, "compare")

    letter = tmp_path / "letter.png"
    Image.fromarray(text_page(random.Random(1), [])).save(letter)
    page.goto(f"{app}/resnet18")
    page.locator("input[type=file]").set_input_files(letter)
    expect(page.get_by_text("does not look like a frontal chest radiograph")).to_be_visible()
    found += faults(page, "a refusal")

    screen_batch(page, app, ward)
    page.get_by_text("Children", exact=True).click()
    settled(page)
    select_first_row(page)
    expect(page.get_by_text("1 of 4", exact=True)).to_be_visible()
    found += faults(page, "a batch with a row open")
    assert found == []


@everywhere
def test_external_model(
    weights: Path, new_page: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: Scheme
) -> None:
    """Before its weights are there, and with a reading."""
    for home in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(home, str(tmp_path))
    data = published_format(random_module())
    page = new_page(scheme=scheme)
    with running_app(weights) as address:
        page.goto(f"{address}/torchxrayvision")
        expect(page.get_by_role("button", name="Download the weights")).to_be_visible()
        found = faults(page, "an external model without weights")
        put(EXTERNAL_MODELS["xrv-densenet121-all"], data)
        page.reload()
        samples(page).first.click()
        page.get_by_role("button", name="Just show the result").click()
        expect(page.get_by_text("All findings")).to_be_visible()
        found += faults(page, "an external model")
    assert found == []

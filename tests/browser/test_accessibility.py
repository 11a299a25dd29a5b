"""axe-core finds nothing serious or critical on any page and in any state, in light and dark."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import pytest

from tests.browser.conftest import Open
from tests.browser.test_app import panes, say_child, settled, show_result

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")

pytestmark = pytest.mark.browser

STREAMLITS_OWN = (
    "#root > div:nth-child(1) > div:nth-child(1) > div:nth-child(1) > div:nth-child(1) > header",
    "[data-testid=stFileUploaderDropzone]",
    "[data-testid=stDataFrame]",
    "[data-testid=stHeader]",
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious(app: str, new_page: Open, upload_file: Path, scheme: Literal["light", "dark"]) -> None:
    page = new_page(scheme=scheme)
    found: list[str] = []
    for name, sign in (("", "The models, as measured"), ("about", "How to cite"), ("history", "Nothing was screened"),
                       ("threshold_lab", "Confusion matrix"), ("batch", "Choose radiographs")):  # fmt: skip
        page.goto(f"{app}/{name}")
        expect(page.get_by_text(sign).first).to_be_visible()
        found += faults(page, name or "overview")
    page.goto(f"{app}/resnet18?case=1")
    expect(panes(page)).to_have_count(1)
    found += faults(page, "a guess")
    show_result(page)
    found += faults(page, "a result")
    page.locator("input[type=file]").set_input_files(upload_file)
    expect(page.get_by_text("Child or adult?")).to_be_visible()
    found += faults(page, "the question for the patient")
    say_child(page)
    expect(page.get_by_text(re.compile("the threshold of")).first).to_be_visible()
    found += faults(page, "an upload")
    assert found == []

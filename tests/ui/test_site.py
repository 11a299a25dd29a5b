"""A site profile in the app: named where it is in force, and said where it is for another model."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulmoscan.models.site_profile import SiteProfile
from tests.pictures import encode, grey8
from tests.site_profiles import write
from tests.ui.app import click, finish_batch, open_page, text

OTHERS = "The site profile in force is for ResNet-18"


@pytest.fixture(autouse=True)
def profile(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SiteProfile:
    assert models.is_dir()
    found = write(tmp_path / "site.json")
    monkeypatch.setenv("PULMOSCAN_SITE", str(tmp_path / "site.json"))
    return found


def said(app: object) -> str:
    """The page's words without Markdown's escapes."""
    return text(app).replace("\\", "")  # type: ignore[arg-type]


def test_page_of_its_model_and_of_another(profile: SiteProfile) -> None:
    own, other = (click(open_page(name), "First") for name in ("resnet18", "resnet50"))
    assert f"Site profile {profile.label}" in said(own)
    assert OTHERS not in said(own)
    assert f"{OTHERS} ({profile.label}) and not for ResNet-50" in said(other)


def test_compare_says_it_of_each_other_model() -> None:
    page = said(click(open_page("compare"), "First"))
    assert page.count(OTHERS) == 2
    assert "and not for DenseNet-121" in page
    assert "and not for ResNet-50" in page


def test_batch_says_it_once() -> None:
    app = open_page("batch")
    files = [(f"{n}.png", encode(grey8(230, 240, seed=n), "PNG"), "image/png") for n in range(4)]
    app.file_uploader[0].set_value(files).run()
    page = said(finish_batch(click(app, "Screen them")))
    assert page.count(OTHERS) == 1
    assert f"4 of 4: {OTHERS}" in page

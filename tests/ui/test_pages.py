"""Every page opens, says what the program is not, and names what is missing."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from pulmoscan import DISCLAIMER
from pulmoscan.models.card import read_card, write_card
from pulmoscan.models.registry import MODELS, get_spec
from pulmoscan.ui.frame import UNFORESEEN
from tests.ui.app import click, decision, go_to, open_page, start, text


@pytest.fixture
def own_models(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the models' folder that a test may spoil."""
    folder = shutil.copytree(models, tmp_path / "weights")
    monkeypatch.setenv("PULMOSCAN_WEIGHTS", str(folder))
    return folder


@pytest.mark.parametrize("name", ["overview", *MODELS])
def test_page_opens(name: str) -> None:
    app = open_page(name)
    assert not app.exception
    assert not app.error
    assert DISCLAIMER in text(app)
    title = get_spec(name).title if name in MODELS else "PulmoScan"
    assert app.title[0].value.startswith(title)


def test_app_starts_with_the_overview() -> None:
    assert start().title[0].value == "PulmoScan"


def test_overview_shows_the_figures_of_every_model_at_its_operating_point() -> None:
    page = text(open_page("overview"))
    for spec in MODELS.values():
        assert spec.title in page
        card = read_card(spec)
        for population in ("child", "adult"):
            scores = card.scores[population, "test"]
            assert f"{scores.auc.estimate:.3f}" in page
            sensitivity = scores.at(card.thresholds[population]).sensitivity
            assert f"{100 * sensitivity.estimate:.1f} %" in page
            assert f"{100 * sensitivity.low:.1f} to {100 * sensitivity.high:.1f}" in page
    assert page.count("Recommended for") >= 1


def test_a_click_on_the_overview_opens_the_case_on_a_models_page() -> None:
    app = click(start(), "First")
    assert app.title[0].value.split()[0] in {spec.title for spec in MODELS.values()}
    assert decision(app)
    assert go_to(app, "overview").title[0].value == "PulmoScan", "and the way back stays open"


def test_about_names_versions_data_and_cards() -> None:
    app = open_page("about")
    assert "10.17632/rscbjbr9sj" in text(app)
    assert read_card(get_spec("resnet18")).weights_sha256[:16] in text(app)
    app.segmented_control[0].set_value("resnet18").run()
    assert not app.exception
    assert "### ResNet-18" in text(app)


@pytest.mark.usefixtures("own_models")
def test_overview_says_what_was_not_measured() -> None:
    spec = get_spec("resnet18")
    card = read_card(spec)
    validation_only = {key: scores for key, scores in card.scores.items() if key[1] == "validation"}
    write_card(spec, dataclasses.replace(card, scores=validation_only))
    assert text(open_page("overview")).count("Not measured yet with these weights") == 2


def test_missing_weights_are_named_and_the_other_pages_go_on(own_models: Path) -> None:
    (own_models / "resnet50.safetensors").unlink()
    app = open_page("resnet50")
    assert not app.exception
    assert "resnet50.safetensors is missing" in app.error[0].value
    assert "git checkout -- weights" in app.error[0].value
    go_to(app, "overview")
    assert [error.value for error in app.error if "resnet50.safetensors" in error.value]
    assert text(app).count("95 % interval") == 4, "two models, two populations"
    assert decision(click(go_to(app, "resnet18"), "First"))


def test_damaged_weights_give_no_answer(own_models: Path) -> None:
    weights = own_models / "densenet121.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    app = open_page("densenet121")
    assert not app.exception
    assert "densenet121.safetensors cannot be used" in app.error[0].value
    assert not decision(app)


def test_weights_that_vanish_take_the_answer_with_them(own_models: Path) -> None:
    app = click(open_page("resnet18"), "First")
    assert decision(app)
    (own_models / "resnet18.safetensors").unlink()
    app.run()
    assert "is missing" in app.error[0].value
    assert not decision(app)


def test_unforeseen_error_shows_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("internals")

    monkeypatch.setattr("pulmoscan.screening.read", fail)
    app = click(open_page("resnet18"), "First")
    assert not app.exception
    assert [error.value for error in app.error] == [UNFORESEEN]
    assert "internals" not in text(app)

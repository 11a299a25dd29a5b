"""One radiograph through all models."""

from __future__ import annotations

import dataclasses
import re
import shutil
from pathlib import Path
from statistics import fmean

import pytest
from streamlit.testing.v1 import AppTest

from pulmoscan import screening
from pulmoscan.gallery import samples
from pulmoscan.models import gradcam
from pulmoscan.models.card import read_card, write_card
from pulmoscan.models.measured import of_consensus, of_model
from pulmoscan.models.registry import MODELS, get_spec
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.ui.compare import agreement
from tests.ui.app import click, go_to, open_page, panes, text


@pytest.fixture
def app() -> AppTest:
    return click(open_page("compare"), "First")


def readings() -> dict[str, screening.Reading]:
    radiograph = load_radiograph(samples.gallery()[0].path)
    return {name: screening.read(radiograph, name) for name in MODELS}


def choose(app: AppTest, population: str) -> AppTest:
    return next(c for c in app.segmented_control if c.label == "Patient").set_value(population).run()


def test_asks_for_a_radiograph_first() -> None:
    app = open_page("compare")
    assert not app.exception
    assert "Choose a radiograph" in app.info[0].value


def test_every_model_stands_with_its_probability_operating_point_and_time(app: AppTest) -> None:
    choose(app, "adult")
    page = text(app)
    for name, reading in readings().items():
        point = read_card(get_spec(name)).thresholds["adult"]
        verdict = "suspected" if reading.probability >= point else "no sign"
        described = f"probability {reading.probability:.3f}, operating point {point:.3f}, {verdict}"
        assert f"{get_spec(name).title}: {described}" in page
    assert len(re.findall(r"\d+ ms</div>", page)) == len(MODELS)


def test_consensus_is_the_mean_at_its_own_operating_point(app: AppTest) -> None:
    choose(app, "child")
    mean = fmean(reading.probability for reading in readings().values())
    consensus = of_consensus([of_model(spec, read_card(spec)) for spec in MODELS.values()])
    assert consensus is not None
    described = f"Consensus (mean): probability {mean:.3f}, operating point {consensus.thresholds['child']:.3f}"
    assert described in text(app)
    seen = consensus.scores["child", "test"].at(consensus.thresholds["child"]).sensitivity
    assert f"<b>Consensus of {len(MODELS)}</b>" in text(app)
    assert f"{100 * seen.low:.1f} to {100 * seen.high:.1f}, n = {seen.n}" in text(app)


def test_an_external_models_score_has_no_part_in_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = dataclasses.replace(get_spec("resnet18"), measure="score")
    monkeypatch.setattr("pulmoscan.ui.compare.MODELS", {**MODELS, "resnet18": spec})
    app = click(open_page("compare"), "First")
    found = readings()
    mean = fmean(found[name].probability for name in ("densenet121", "resnet50"))
    assert f"Consensus (mean): probability {mean:.3f}" in text(app)
    assert "<b>Consensus of 2</b>" in text(app)
    assert "of 3" in text(app), "it counts in the agreement"
    assert f"ResNet-18 · score {found['resnet18'].probability:.3f}" in [pane["title"] for pane in panes(app)]


def test_each_model_runs_once_and_another_population_runs_none(app: AppTest, passes: list[str]) -> None:
    click(app, "Second")
    assert sorted(passes) == sorted(MODELS)
    choose(choose(app, "adult"), "child")
    go_to(app, "resnet18")
    assert len(passes) == len(MODELS), "the model's page has the reading already"


def test_overlays_share_one_scale(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shutil.copytree(models, tmp_path / "weights")
    monkeypatch.setenv("PULMOSCAN_WEIGHTS", str(folder))
    spec = get_spec("resnet50")
    write_card(spec, dataclasses.replace(read_card(spec), heat_reference=5.0))
    app = click(open_page("compare"), "First")
    shown = panes(app)
    assert len(shown) == 1 + len(MODELS)
    for pane, (name, reading) in zip(shown[1:], readings().items(), strict=True):
        heat = gradcam.heatmap(reading.evidence["hirescam"], 5.0, 256, 300)
        assert pane["title"].startswith(get_spec(name).title)
        assert f"up to {100 * heat.max():.0f} % of full strength" in pane["alt"]
    assert "5.00 log-odds" in text(app)


def test_a_model_that_is_missing_is_named_and_the_others_go_on(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(models, tmp_path / "weights")
    monkeypatch.setenv("PULMOSCAN_WEIGHTS", str(folder))
    (folder / "resnet50.safetensors").unlink()
    app = click(open_page("compare"), "First")
    assert not app.exception
    assert "resnet50.safetensors is missing" in app.error[0].value
    assert re.search(r"(2 of 2|of 2 suspect)", text(app))
    assert len(panes(app)) == 3


def test_cards_without_file_names_leave_the_consensus_unmeasured(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(models, tmp_path / "weights")
    monkeypatch.setenv("PULMOSCAN_WEIGHTS", str(folder))
    spec = get_spec("resnet18")
    card = read_card(spec)
    nameless = {k: dataclasses.replace(s, normal_files=(), pneumonia_files=()) for k, s in card.scores.items()}
    write_card(spec, dataclasses.replace(card, scores=nameless))
    page = text(click(open_page("compare"), "First"))
    assert "The consensus has no figures" in page
    assert "no operating point" in page


@pytest.mark.parametrize(
    ("labels", "agreed", "words"),
    [
        (["pneumonia"] * 3, True, "3 of 3 suspect pneumonia"),
        (["normal"] * 3, True, "3 of 3 find no sign"),
        (["normal", "pneumonia", "normal"], False, "1 of 3 suspect pneumonia. Look twice"),
    ],
)
def test_agreement(labels: list[str], agreed: bool, words: str) -> None:
    assert agreement(labels)[0] == agreed
    assert words in agreement(labels)[1]

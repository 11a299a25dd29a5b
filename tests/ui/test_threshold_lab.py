"""The threshold lab's page: live figures without a model, presets, lists of errors, one's own scores."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pulmoscan.models.card import read_card
from pulmoscan.models.measured import of_consensus, of_model
from pulmoscan.models.registry import MODELS, get_spec
from pulmoscan.statistics import lab
from pulmoscan.statistics.metrics import Confusion, Scores
from pulmoscan.statistics.operating_points import threshold_for_sensitivity
from tests.ui.app import click, drag, go_to, open_page, start, text, threshold

CHAMPION = "densenet121"


@pytest.fixture
def app() -> AppTest:
    return open_page("threshold_lab")


def scores(name: str = CHAMPION, population: str = "child", split: str = "validation") -> Scores:
    return read_card(get_spec(name)).scores[population, split]  # type: ignore[index]


def assert_counts(app: AppTest, counts: Confusion) -> None:
    (matrix,) = (html.value for html in app.html if "Confusion matrix" in html.value)
    for words, count in (
        ("found", counts.true_positives),
        ("missed", counts.false_negatives),
        ("false positives", counts.false_positives),
        ("cleared", counts.true_negatives),
    ):
        (cell,) = (part for part in matrix.split("<td") if f"{words}</small>" in part)
        assert f"<b>{count}</b>" in cell


def specs(app: AppTest) -> list[dict[str, Any]]:
    return [json.loads(chart.proto.spec) for chart in app.get("vega_lite_chart") or app.get("arrow_vega_lite_chart")]


def control(app: AppTest, label: str) -> Any:
    return next(c for c in app.segmented_control if c.label == label)


def test_starts_at_the_operating_point(app: AppTest) -> None:
    assert not app.exception
    assert not app.error
    assert threshold(app) == read_card(get_spec(CHAMPION)).thresholds["child"]
    assert_counts(app, scores().at(threshold(app)))


def test_a_drag_moves_the_figures_and_runs_no_model(app: AppTest, passes: list[str]) -> None:
    for position in (0.0, 0.123, 0.5, 0.987, 1.0):
        drag(app, position)
        assert not app.exception
        counts = scores().at(position)
        assert_counts(app, counts)
        own = lab.prevalence(scores())
        values = lab.predictive_values(counts, own)
        for figure in (counts.sensitivity, counts.specificity, values.ppv, values.npv):
            if figure.n:
                assert f"{100 * figure.low:.1f} to {100 * figure.high:.1f}, n = {figure.n}" in text(app)
    assert passes == []


def test_a_drag_leaves_the_charts_specifications_alone(app: AppTest) -> None:
    """Else the browser would draw every chart anew."""
    before = specs(app)
    assert len(before) == 4
    assert specs(drag(app, 0.6)) == before


def test_prevalence_moves_predictive_values_alone(app: AppTest) -> None:
    drag(app, 0.4)
    next(n for n in app.number_input if n.label == "Prevalence (%)").set_value(5.0).run()
    values = lab.predictive_values(scores().at(0.4), 0.05)
    assert "PPV at 5.0 %" in text(app)
    assert f"{100 * values.ppv.estimate:.1f} %" in text(app)
    assert f"{100 * values.npv.low:.1f} to {100 * values.npv.high:.1f}" in text(app)
    assert_counts(app, scores().at(0.4))


def test_presets(app: AppTest) -> None:
    click(app, "Youden")
    assert threshold(app) == lab.youden(scores())
    click(app, "Balanced")
    assert threshold(app) == lab.balanced(scores())
    next(n for n in app.number_input if n.label.startswith("Sensitivity at least")).set_value(90.0).run()
    click(app, "Set")
    assert threshold(app) == threshold_for_sensitivity(scores(), 0.9)
    next(n for n in app.number_input if n.label.startswith("Specificity at least")).set_value(90.0).run()
    app.button(key="lab-set-Specificity").click().run()
    at = scores().at(threshold(app)).specificity.estimate
    assert at >= 0.9 > scores().at(threshold(app) - 0.001).specificity.estimate
    click(app, "High sensitivity")
    assert threshold(app) == read_card(get_spec(CHAMPION)).thresholds["child"]


def test_on_the_test_split_presets_stay_those_of_validation(app: AppTest) -> None:
    control(app, "Split").set_value("test").run()
    assert "Presets stay those of the validation split" in text(app)
    click(app, "Youden")
    assert threshold(app) == lab.youden(scores())
    assert_counts(app, scores(split="test").at(threshold(app)))


def test_every_model_population_and_the_consensus(app: AppTest) -> None:
    consensus = of_consensus([of_model(spec, read_card(spec)) for spec in MODELS.values()])
    assert consensus is not None
    subject = app.selectbox[0]
    assert subject.options == [*(spec.title for spec in MODELS.values()), consensus.title, "My own scores (CSV)"]
    subject.set_value("consensus").run()
    control(app, "Population").set_value("adult").run()
    assert threshold(app) == consensus.thresholds["adult"]
    assert_counts(app, consensus.scores["adult", "validation"].at(threshold(app)))


def test_curves_of_all_models_on_request(app: AppTest) -> None:
    next(toggle for toggle in app.toggle if "all models" in toggle.label).set_value(True).run()
    for spec in MODELS.values():
        assert f"{spec.title}: AUC" in text(app)


def test_errors_are_listed_by_name(app: AppTest) -> None:
    drag(app, 0.5)
    missed = scores().missed(0.5)
    assert app.dataframe[0].value["file"].tolist() == [name for name, _ in missed]
    control(app, "Errors").set_value("False alarms").run()
    for position in (0.5, 0.3):
        drag(app, position)
        alarms = scores().false_alarms(position)
        assert app.dataframe[0].value["file"].tolist() == [name for name, _ in alarms]
        assert f"**{len(alarms)}** false positives" in text(app)


def own(app: AppTest, content: bytes) -> AppTest:
    app.selectbox[0].set_value("own").run()
    return app.file_uploader[0].set_value(("mine.csv", content, "text/csv")).run()


def test_own_scores(app: AppTest) -> None:
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 2, 60)
    probabilities = np.clip(0.5 * labels + rng.uniform(0, 0.5, 60), 0, 1).round(3)
    rows = "\n".join(f"case{i},{p},{y}" for i, (p, y) in enumerate(zip(probabilities, labels, strict=True)))
    own(app, f"id,score,label\n{rows}".encode())
    assert not app.exception
    mine = Scores.of(labels, probabilities, [f"case{i}" for i in range(60)])
    assert threshold(app) == lab.youden(mine)
    drag(app, 0.6)
    assert_counts(app, mine.at(0.6))
    assert app.dataframe[0].value["file"].tolist() == [name for name, _ in mine.missed(0.6)] != []


def test_own_table_that_is_none_says_how_it_should_look(app: AppTest) -> None:
    own(app, b"name,value\na,1\n")
    assert not app.exception
    assert "names no column" in app.error[0].value
    assert "id, score (0 to 1) and label" in app.error[0].value


def test_address_opens_the_same_lab(app: AppTest) -> None:
    app.session_state["lab-population"] = "adult"
    drag(app.run(), 0.4)
    assert app.query_params["threshold"] == "0.400"
    assert "prevalence" not in app.query_params, "the set's own"
    next(n for n in app.number_input if n.label == "Prevalence (%)").set_value(7.5).run()
    assert app.query_params["prevalence"] == "7.5"
    click(app, next(button.label for button in app.button if button.label.startswith("As in this set")))
    assert "prevalence" not in app.query_params


@pytest.mark.parametrize(("linked", "shown"), [("7.5", 7.5), ("0", None), ("many", None), ("nan", None)])
def test_prevalence_of_the_address(linked: str, shown: float | None) -> None:
    app = start()
    app.query_params["prevalence"] = linked
    go_to(app, "threshold_lab")
    assert not app.exception
    value = next(n for n in app.number_input if n.label == "Prevalence (%)").value
    assert value == (round(100 * lab.prevalence(scores()), 1) if shown is None else shown)

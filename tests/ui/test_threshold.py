"""Population, threshold and the figures measured there."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from pulmoscan.models.card import read_card
from pulmoscan.models.registry import get_spec
from tests.dicoms import dicom, save
from tests.pictures import encode, grey8
from tests.ui.app import CLEARED, SUSPECTED, click, decision, drag, go_to, open_page, panes, text, threshold, upload


@pytest.fixture
def app() -> AppTest:
    """A page with a result."""
    return click(open_page("resnet18"), "First")


def choose(app: AppTest, population: str) -> AppTest:
    return next(c for c in app.segmented_control if c.label == "Patient").set_value(population).run()


def test_dragging_changes_the_decision_and_runs_no_model(app: AppTest, passes: list[str]) -> None:
    for position, expected in ((0.0, SUSPECTED), (0.5, None), (1.0, CLEARED), (0.99, CLEARED), (0.01, SUSPECTED)):
        drag(app, position)
        assert threshold(app) == position
        assert f"the threshold of **{position:.3f}**" in text(app)
        if expected:
            assert decision(app) == expected
    assert passes == []
    click(app, "Second")
    drag(app, 0.7)
    assert passes == ["resnet18"]


def test_threshold_starts_at_the_operating_point(app: AppTest) -> None:
    assert threshold(app) == read_card(get_spec("resnet18")).thresholds["child"]


@pytest.mark.parametrize("name", ["Maximum", "High sensitivity", "Balanced"])
def test_the_operating_points_are_one_click_away(app: AppTest, name: str) -> None:
    drag(choose(app, "adult"), 0.987)
    points = read_card(get_spec("resnet18")).points("adult")
    click(app, name)
    assert threshold(app) == points["maximum sensitivity" if name == "Maximum" else name.lower()]


@pytest.mark.parametrize("position", [0.2, 0.65])
def test_figures_at_a_moved_threshold_are_those_of_the_validation_split(app: AppTest, position: float) -> None:
    drag(choose(app, "adult"), position)
    measured = read_card(get_spec("resnet18")).scores["adult", "validation"].at(position)
    for figure, found in (
        (measured.sensitivity, f"{measured.true_positives} of {measured.positives}"),
        (measured.specificity, f"{measured.true_negatives} of {measured.negatives}"),
    ):
        assert f"<b>{100 * figure.estimate:.1f} %</b>" in text(app)
        assert f"{100 * figure.low:.1f} to {100 * figure.high:.1f}" in text(app)
        assert found in text(app)
    assert "550 validation radiographs of adults, at a threshold that is no operating point" in text(app)


@pytest.mark.parametrize("name", ["High sensitivity", "Balanced"])
def test_figures_at_an_operating_point_are_those_of_the_test_split(app: AppTest, name: str) -> None:
    click(choose(app, "adult"), name)
    card = read_card(get_spec("resnet18"))
    scores = card.scores["adult", "test"]
    seen = scores.at(card.points("adult")[name.lower()])
    assert f"{len(scores.normal) + len(scores.pneumonia)} test radiographs of adults, at the operating point" in text(
        app
    )
    assert f"{seen.true_positives} of {seen.positives}" in text(app)


def test_what_the_call_means_follows_the_prevalence(app: AppTest) -> None:
    drag(choose(app, "adult"), 0.0)
    assert "Of 100 such patients called positive, 10 (10 to 10) have pneumonia at a prevalence of 10 %." in text(app)
    next(n for n in app.number_input if n.label == "Prevalence (%)").set_value(40.0).run()
    assert "Of 100 such patients called positive, 40 (40 to 40) have pneumonia at a prevalence of 40 %." in text(app)


def test_population_is_asked_before_any_decision_and_the_answer_is_kept() -> None:
    content = encode(grey8(280, 320, seed=5), "PNG")
    app = upload(open_page("resnet18"), content, patient=None)
    assert "Child or adult?" in text(app)
    assert not decision(app)
    assert "Probability" not in text(app)
    assert [pane["heats"] for pane in panes(app)] == [[]], "the picture is shown meanwhile"
    click(app, "Adult")
    assert decision(app)
    assert "radiographs of adults" in text(app)
    assert "children" not in text(app), "no figure of another population stands there"
    assert "Adult, as you said for this session." in text(app)
    upload(app, encode(grey8(280, 320, seed=6), "PNG"), patient=None)
    assert decision(app)
    assert threshold(app) == read_card(get_spec("resnet18")).thresholds["adult"]


@pytest.mark.parametrize("years", ["006Y", "017Y"])
def test_age_without_figures_says_so_where_the_figure_would_be(years: str) -> None:
    app = upload(open_page("resnet18"), save(dicom(12, 300, 260, PatientAge=years)), "schoolchild.dcm")
    assert decision(app)
    assert "Nothing was measured on patients of 6 to 17 years." in text(app)
    assert "95 % interval" not in text(app)
    assert "No figures for this age." in text(app)


def test_another_population_brings_its_own_operating_point(app: AppTest) -> None:
    thresholds = read_card(get_spec("resnet18")).thresholds
    drag(choose(app, "child"), 0.9)
    choose(app, "adult")
    assert threshold(app) == thresholds["adult"]
    choose(app, "child")
    assert threshold(app) == thresholds["child"]


def test_threshold_and_population_outlast_a_visit_to_another_page(app: AppTest) -> None:
    drag(choose(app, "adult"), 0.77)
    go_to(app, "resnet50")
    assert "radiographs of adults" in text(app)
    assert threshold(app) == read_card(get_spec("resnet50")).thresholds["adult"], "each model has its own threshold"
    go_to(app, "resnet18")
    assert threshold(app) == 0.77

"""Population, threshold and the figures measured there."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from pulmoscan.models.card import read_card
from pulmoscan.models.registry import get_spec
from tests.ui.app import CLEARED, SUSPECTED, click, decision, drag, go_to, open_page, text, threshold


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


def test_threshold_starts_at_the_operating_point_and_goes_back_to_it(app: AppTest) -> None:
    default = threshold(app)
    assert default == min(read_card(get_spec("resnet18")).thresholds.values())
    back = next(button for button in app.button if button.label == "Back to the default")
    assert back.disabled
    before = decision(app)
    drag(app, 1.0 if before == SUSPECTED else 0.0)
    assert decision(app) != before
    assert f"the default is {default:.3f}" in text(app)
    click(app, "Back to the default")
    assert threshold(app) == default
    assert decision(app) == before


@pytest.mark.parametrize("name", ["Maximum sensitivity", "Balanced"])
def test_the_other_operating_points_are_one_click_away(app: AppTest, name: str) -> None:
    choose(app, "adult")
    point = read_card(get_spec("resnet18")).points("adult")[name.lower()]
    label = f"{name}, {point:.3f}"
    click(app, label)
    assert threshold(app) == point
    assert next(button for button in app.button if button.label == label).disabled
    assert not next(button for button in app.button if button.label == "Back to the default").disabled


@pytest.mark.parametrize("position", [0.2, 0.65])
def test_figures_are_those_of_the_validation_split_at_the_threshold(app: AppTest, position: float) -> None:
    drag(choose(app, "adult"), position)
    measured = read_card(get_spec("resnet18")).scores["adult", "validation"].at(position)
    assert [metric.value for metric in app.metric if metric.label in ("Sensitivity", "Specificity")] == [
        f"{100 * figure.estimate:.1f} %" for figure in (measured.sensitivity, measured.specificity)
    ]
    assert f"95 % interval {100 * measured.sensitivity.low:.1f} to {100 * measured.sensitivity.high:.1f}" in text(app)
    assert f"{measured.true_positives} of {measured.sensitivity.n} pneumonias found" in text(app)
    assert "550 radiographs of **adults**" in text(app)


def test_test_figures_stay_those_at_the_operating_point(app: AppTest) -> None:
    card = read_card(get_spec("resnet18"))
    seen = card.scores["adult", "test"].at(card.thresholds["adult"])
    drag(choose(app, "adult"), 0.9)
    assert f"sensitivity {seen.sensitivity.percent}, specificity {seen.specificity.percent}." in text(app)


def test_unknown_age_is_said_until_a_population_is_chosen(app: AppTest) -> None:
    assert "age is unknown" in app.warning[0].value
    assert "radiographs of **children**" in text(app), "the more sensitive point of the two is the children's"
    choose(app, "child")
    assert not any("age is unknown" in warning.value for warning in app.warning)


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
    assert "radiographs of **adults**" in text(app)
    assert threshold(app) == read_card(get_spec("resnet50")).thresholds["adult"], "each model has its own threshold"
    go_to(app, "resnet18")
    assert threshold(app) == 0.77


def test_probability_is_drawn_on_a_scale_with_a_text_for_those_who_do_not_see_it(app: AppTest) -> None:
    drag(app, 0.25)
    (scale,) = (html.value for html in app.html if 'class="scale"' in html.value)
    assert 'role="img"' in scale
    assert "threshold 0.250." in scale

"""Limits: shown by bounds, not by estimates."""

import pytest

from pulmoscan.errors import InvalidLimit
from pulmoscan.site.limits import Limit, judge, parse
from pulmoscan.statistics.metrics import Estimate, proportion


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("sensitivity>=95%", Limit("sensitivity", 0.95)),
        ("AUC ≥ 0.9", Limit("auc", 0.9)),
        ("calibration_error<=0.1", Limit("calibration error", 0.1)),
        ("refused<=2%", Limit("refused", 0.02)),
    ],
)
def test_parse(text: str, limit: Limit) -> None:
    assert parse(text) == limit
    assert parse(limit.form) == limit


@pytest.mark.parametrize(
    "text", ["", "sensitivity", "sensitivity<=95%", "luck>=1", "refused>=2%", "npv>=120%", "npv>=0.9.1"]
)
def test_what_is_no_limit(text: str) -> None:
    with pytest.raises(InvalidLimit, match="is no limit"):
        parse(text)


def test_sensitivity_is_shown_by_the_exact_bound() -> None:
    limit = Limit("sensitivity", 0.95)
    [shown] = judge([limit], {"sensitivity": proportion(59, 59)})
    [open_] = judge([limit], {"sensitivity": proportion(58, 58)})
    [missed] = judge([limit], {"sensitivity": proportion(94, 100)})
    assert [v.state for v in (shown, open_, missed)] == ["met", "not shown", "missed"]
    assert shown.bound == pytest.approx(0.95, abs=0.001)
    assert open_.needed == 59
    assert "About 59 cases in place of 58" in open_.sentence
    assert missed.needed == 0


def test_how_many_would_show_it_grows_with_the_errors() -> None:
    [verdict] = judge([Limit("sensitivity", 0.95)], {"sensitivity": proportion(97, 100)})
    assert verdict.state == "not shown"
    again = round(0.97 * verdict.needed)
    [later] = judge([Limit("sensitivity", 0.95)], {"sensitivity": proportion(again, verdict.needed)})
    assert later.state == "met"


def test_others_go_by_their_interval_and_what_was_not_measured_is_not_shown() -> None:
    figures = {"auc": Estimate(0.93, 0.91, 0.95, 300), "calibration error": Estimate(0.05, 0.03, 0.08, 300)}
    wanted = [Limit("auc", 0.9), Limit("auc", 0.92), Limit("calibration error", 0.04), Limit("npv", 0.9)]
    assert [v.state for v in judge(wanted, figures)] == ["met", "not shown", "missed", "not shown"]
    assert judge([Limit("npv", 0.9)], figures)[0].sentence.endswith("nothing was measured.")

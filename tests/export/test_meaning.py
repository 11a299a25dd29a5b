"""Likelihood ratios and predictive values in words."""

from __future__ import annotations

import pytest

from pulmoscan.export.evidence import Measured
from pulmoscan.export.meaning import after, meaning
from pulmoscan.statistics.metrics import Confusion


def measured(found: int, missed: int, cleared: int, alarms: int) -> Measured:
    return Measured("test", "adults", Confusion(found, missed, cleared, alarms), "balanced")


def test_positive_call() -> None:
    ratio, hundred = meaning(measured(80, 20, 90, 10), "pneumonia", 0.2)
    assert ratio.startswith("A positive call is 8.0 times (4.4 to 15) as common in adults with pneumonia")
    # Sensitivity 0.8, specificity 0.9, prevalence 0.2: 16 true and 8 false positives of 100.
    assert hundred.startswith("Of 100 such patients called positive, 67 (")
    assert hundred.endswith("have pneumonia at a prevalence of 20 %.")


def test_negative_call() -> None:
    ratio, hundred = meaning(measured(90, 10, 80, 20), "normal", 0.1)
    assert ratio.startswith("A negative call is 8.0 times (4.4 to 15) as common in adults without pneumonia")
    assert hundred.startswith("Of 100 such patients called negative, 1.4 (")


def test_calls_that_were_never_wrong_have_no_ratio_but_an_interval() -> None:
    ratio, hundred = meaning(measured(50, 0, 60, 40), "normal", 0.1)
    assert ratio == "No adults with pneumonia got a negative call on the radiographs that were measured."
    assert hundred.startswith("Of 100 such patients called negative, 0 (0 to ")


@pytest.mark.parametrize(("prevalence", "ratio", "expected"), [(0.5, 1, 0.5), (0.1, 9, 0.5), (0.3, float("inf"), 1)])
def test_bayes_rule(prevalence: float, ratio: float, expected: float) -> None:
    assert after(prevalence, ratio) == pytest.approx(expected)

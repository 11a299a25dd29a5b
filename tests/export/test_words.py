"""A decision is called and coloured alike everywhere."""

from __future__ import annotations

import re

import pytest

from pulmoscan.export.words import LOOKS, probability_text
from pulmoscan.screening import Label
from pulmoscan.settings import REPOSITORY

STYLE = (REPOSITORY / "pulmoscan" / "ui" / "style.css").read_text(encoding="utf-8")


@pytest.mark.parametrize("label", LOOKS)
def test_pages_have_the_colours_of_the_reports(label: Label) -> None:
    (rule,) = re.findall(rf"\.st-key-decision-{label} {{(.*?)}}", STYLE)
    light = re.findall(r"light-dark\((#\w+),", rule)
    assert light == [LOOKS[label].strong, LOOKS[label].weak]


def test_the_scale_has_both_sides() -> None:
    (scale,) = re.findall(r"light-dark\((#\w+),[^)]*\) var\(--threshold\), light-dark\((#\w+),", STYLE)
    assert scale == (LOOKS["normal"].side, LOOKS["pneumonia"].side)


@pytest.mark.parametrize(
    ("probability", "text"),
    [(0.0, "< 0.001"), (0.00099, "< 0.001"), (0.001, "0.001"), (0.5, "0.500"), (0.999, "0.999"), (0.9996, "> 0.999")],
)
def test_no_certainty_that_the_model_does_not_have(probability: float, text: str) -> None:
    assert probability_text(probability) == text

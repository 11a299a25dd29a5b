from __future__ import annotations

import csv
import io
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from pulmoscan import DISCLAIMER
from pulmoscan.export.lab import curves_csv, errors_csv, sheet
from pulmoscan.statistics import lab
from pulmoscan.statistics.metrics import Scores


@pytest.fixture
def scores() -> Scores:
    rng = np.random.default_rng(0)
    names = [f"{i}.png" for i in range(120)]
    labels = np.arange(120) % 3 == 0
    return Scores.of(labels, np.clip(rng.normal(0.3 + 0.4 * labels, 0.2), 0, 1), names)


def test_curves_hold_every_threshold_with_the_figures_of_the_page(scores: Scores) -> None:
    rows = list(csv.DictReader(io.StringIO(curves_csv(scores, 0.1))))
    assert [float(row["threshold"]) for row in rows] == lab.GRID.tolist()
    row = rows[420]
    counts = scores.at(0.42)
    values = lab.predictive_values(counts, 0.1)
    assert int(row["true_positives"]) == counts.true_positives
    assert int(row["false_positives"]) == counts.false_positives
    assert float(row["sensitivity"]) == pytest.approx(counts.sensitivity.estimate, abs=1e-6)
    assert float(row["ppv"]) == pytest.approx(values.ppv.estimate, abs=1e-6)
    assert float(row["npv"]) == pytest.approx(values.npv.estimate, abs=1e-6)
    alarmed = Scores(np.array([0.2, 1.0]), np.array([0.9]))
    assert curves_csv(alarmed, 0.1).splitlines()[-1].split(",")[-2] == "", "minus infinity at a threshold of 1"


def test_errors_are_those_at_the_threshold(scores: Scores) -> None:
    rows = list(csv.DictReader(io.StringIO(errors_csv(scores, 0.5))))
    kinds = [row["error"] for row in rows]
    counts = scores.at(0.5)
    assert kinds.count("missed pneumonia") == counts.false_negatives > 0
    assert kinds.count("false positive") == counts.false_positives > 0
    assert [row["file"] for row in rows][: counts.false_negatives] == [name for name, _ in scores.missed(0.5)]


def test_names_of_the_users_table_cannot_run_in_a_spreadsheet() -> None:
    scores = Scores.of([0, 1], [0.9, 0.1], ["=cmd()", "b"])
    assert "'=cmd()" in errors_csv(scores, 0.5)


def test_figures_can_be_opened_and_say_what_they_are_not(scores: Scores) -> None:
    both = {"A": scores, "B": Scores(scores.normal, scores.pneumonia)}
    png = Image.open(io.BytesIO(sheet("A study", both, "A", 0.4, 0.2, "png")))
    assert min(png.size) > 1500
    assert np.asarray(png.convert("L")).std() > 10, "something is drawn"
    svg = sheet("A study", both, "A", 0.4, 0.2, "svg")
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    words = " ".join(t for t in svg.decode().split("<!--") for t in [t.split("-->")[0]])
    assert DISCLAIMER.split(".", maxsplit=1)[0] in words, "matplotlib notes each text beside its outlines"
    assert sheet("A study", both, "A", 1.0, 0.2, "png"), "where nobody is called pneumonia"

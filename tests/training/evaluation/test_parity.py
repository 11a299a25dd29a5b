from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from pulmoscan.errors import DatasetError
from pulmoscan.models.card import read_card
from pulmoscan.models.classifier import Classifier
from pulmoscan.models.registry import get_spec
from pulmoscan.training.data.datasets import Example
from pulmoscan.training.evaluation import parity as module
from pulmoscan.training.evaluation.parity import describe, parity
from tests.training.made_up import make_kermany, make_nih

OF_TWO = ("high sensitivity", "balanced")


def test_a_decision_counts_as_changed_at_the_point_that_lies_between_the_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_kermany(tmp_path, train=2)
    card = read_card(get_spec("resnet18"))
    sensitive, balanced = card.thresholds["child"], card.balanced["child"]
    between = (sensitive + balanced) / 2
    of_copies = (sensitive / 2, between, between, 0.99)
    of_originals = (between, 0.99, 0.99, 0.99)  # the first crosses one point, the next two the other

    def scored(_: Classifier, examples: Sequence[Example]) -> list[SimpleNamespace]:
        enlarged = all("originals448" in example.path.parts for example in examples)
        probabilities = of_originals if enlarged else of_copies
        return [SimpleNamespace(reading=SimpleNamespace(probability=p)) for p in probabilities]

    monkeypatch.setattr(module, "score", scored)
    result = parity("resnet18", data, "train")
    assert {point: share.estimate for point, share in result.changed.items() if point in OF_TWO} == {
        "high sensitivity": 0.25,
        "balanced": 0.5,
    }
    assert result.largest == pytest.approx(max(between - sensitive / 2, 0.99 - between))
    assert "maximum sensitivity" in result.changed
    said = describe("resnet18", "train", result)
    assert "4 pairs" in said
    assert "balanced             50.0 %" in said


def test_real_scores_of_a_copy_and_its_original_lie_close(tmp_path: Path) -> None:
    result = parity("resnet18", make_kermany(tmp_path, train=2), "train")
    assert result.difference.n == 4
    assert result.largest < 0.2


def test_data_without_originals_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="originals448"):
        parity("resnet18", make_nih(tmp_path), "train")

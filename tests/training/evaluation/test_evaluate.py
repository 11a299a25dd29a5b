from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pulmoscan.errors import DatasetError
from pulmoscan.models.card import Card, read_card, write_card
from pulmoscan.models.registry import get_spec
from pulmoscan.population import Population
from pulmoscan.screening import Reading
from pulmoscan.training.data.datasets import Example, Group
from pulmoscan.training.evaluation import baseline_training
from pulmoscan.training.evaluation.evaluate import Evaluation, describe, write_json
from pulmoscan.training.evaluation.scoring import Scored

CARD = Card(
    "0" * 64,
    {"child": 0.3, "adult": 0.4},
    {"child": 0.995, "adult": 0.95},
    "hirescam",
    1.0,
    {},
    {},
    maximum={"adult": 0.05},
    balanced={"adult": 0.6},
)


def evaluation(population: Population, *cases: tuple[int, float, str]) -> Evaluation:
    """From label, probability and subgroup of each radiograph."""
    evidence: Any = {"hirescam": np.zeros((7, 7), np.float32), "gradcam": np.zeros((7, 7), np.float32)}
    scored = [
        Scored(
            Example(Path(f"{number}.png"), label, f"p{number}", population, "test", subgroup=subgroup),
            Reading(get_spec("resnet18"), CARD, "key", 400, 300, None, 0.0, probability, evidence, 1.0),
        )
        for number, (label, probability, subgroup) in enumerate(cases)
    ]
    return Evaluation("resnet18", CARD, population, "test", scored)


ADULTS = evaluation(
    "adult",
    *((1, 0.9, "PA"), (1, 0.2, "PA"), (0, 0.1, "PA"), (0, 0.5, "PA")),
    *((1, 0.7, "AP"), (0, 0.3, "AP"), (0, 0.2, "AP")),
)
CHILDREN = evaluation("child", (1, 0.9, "bacteria"), (1, 0.1, "virus"), (1, 0.8, "virus"), (0, 0.2, ""), (0, 0.6, ""))


def figures(path: Path, one: Evaluation) -> dict[str, Any]:
    write_json([one], path)
    [content] = json.loads(path.read_text())
    assert isinstance(content, dict)
    return content


def test_adults_are_measured_by_view(tmp_path: Path) -> None:
    found = figures(tmp_path / "out" / "adults.json", ADULTS)["figures"]
    of_pa = [found[f"  {name}"] for name in ("sensitivity, PA", "specificity, PA", "PA, AUC")]
    assert [(f["estimate"], f["n"]) for f in of_pa] == [(0.5, 2), (0.5, 2), (0.75, 4)]
    of_ap = [found[f"  {name}"] for name in ("sensitivity, AP", "specificity, AP", "AP, AUC")]
    assert [(f["estimate"], f["n"]) for f in of_ap] == [(1, 1), (1, 2), (1, 3)]


def test_adults_are_measured_by_the_radiologists_class(tmp_path: Path) -> None:
    """Against all negatives, against the normal ones alone, and how many of the ill without opacity are cleared."""
    classes: list[Group] = ["opacity", "opacity", "normal", "normal", "opacity", "normal", "not normal"]
    ages = [50, 50, 50, 12, 50, 50, 50]
    scored = [
        dataclasses.replace(s, example=dataclasses.replace(s.example, group=group, age=age))
        for s, group, age in zip(ADULTS.scored, classes, ages, strict=True)
    ]
    found = figures(tmp_path / "classes.json", dataclasses.replace(ADULTS, scored=scored))["figures"]
    assert found["specificity"]["n"] == 4
    assert found["  specificity, opacity v normal"]["n"] == 3
    assert found["  opacity v normal, AUC"]["n"] == 6
    assert found["  opacity v normal, AP, AUC"]["n"] == 2
    assert (found["  specificity, not normal"]["estimate"], found["  specificity, not normal"]["n"]) == (1, 1)
    assert "  sensitivity, not normal" not in found
    assert found["  18 years and older, AUC"]["n"] == 6


def test_children_are_measured_by_pathogen(tmp_path: Path) -> None:
    found = figures(tmp_path / "children.json", CHILDREN)["figures"]
    assert found["  sensitivity, bacteria"]["estimate"] == 1
    assert found["  sensitivity, virus"]["estimate"] == 0.5
    assert "  specificity, virus" not in found  # a normal has no pathogen
    assert "  virus, AUC" not in found


def test_decision_curve(tmp_path: Path) -> None:
    """Net benefit is the share of true positives less that of false positives times the threshold's odds."""
    curve = figures(tmp_path / "children.json", CHILDREN)["decision_curve"]
    assert curve["prevalence"] == pytest.approx(3 / 5)
    assert curve["thresholds"] == pytest.approx([t / 100 for t in range(1, 100)])
    at = curve["thresholds"].index(0.5)
    assert curve["model"][at] == pytest.approx(2 / 5 - 1 / 5 * 1)
    assert curve["treat_all"][at] == pytest.approx(3 / 5 - 2 / 5 * 1)


def test_one_class_alone_has_no_decision_curve(tmp_path: Path) -> None:
    content = figures(tmp_path / "one.json", evaluation("child", (1, 0.9, "virus")))
    assert content["decision_curve"] is None
    assert content["figures"]["AUC"] is None


def test_table_for_the_terminal() -> None:
    text = " ".join(describe(ADULTS).split())
    assert "TP 2 FN 1 TN 3 FP 1" in text
    assert "PA, AUC 0.750" in text
    assert "sensitivity, AP 100.0 %" in text
    assert "missed 1.png" in text
    assert "maximum sensitivity 0.050, fixed on validation sensitivity 100.0 %" in text
    assert "balanced 0.600, fixed on validation sensitivity 66.7 %" in text


def test_figures_of_the_usual_way_stand_beside(tmp_path: Path) -> None:
    write_json([CHILDREN, ADULTS], tmp_path / "usual.json")
    usual = baseline_training.read_usual(tmp_path / "usual.json", "resnet18", "test")
    assert set(usual) == {"child", "adult"}
    assert usual["adult"]["AUC"].n == 7
    assert usual["adult"]["balanced: sensitivity"].estimate == pytest.approx(2 / 3)
    lines = describe(CHILDREN, usual["child"]).splitlines()
    at = lines.index("  the same network trained the usual way, for comparison")
    assert lines[at + 1].split()[:2] == ["AUC", f"{CHILDREN.scores.auc.estimate:.3f}"]
    assert "usual way" not in describe(CHILDREN)


def test_the_card_keeps_the_figures_of_the_usual_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULMOSCAN_WEIGHTS", str(tmp_path))
    write_card(get_spec("resnet18"), CARD)
    write_json([CHILDREN], tmp_path / "usual.json")
    usual = baseline_training.read_usual(tmp_path / "usual.json", "resnet18", "test")
    baseline_training.record(usual, "resnet18", "test")
    card = read_card(get_spec("resnet18"))
    assert baseline_training.recorded(card, "child", "test")["AUC"].n == usual["child"]["AUC"].n
    assert baseline_training.recorded(card, "adult", "test") == {}
    assert "trained the usual way" in describe(dataclasses.replace(CHILDREN, card=card))


@pytest.mark.parametrize("content", ["", "{}", "[{}]", "[1]", '[{"population": "child"}]'])
def test_other_files_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "usual.json").write_text(content)
    with pytest.raises(DatasetError, match=r"usual\.json"):
        baseline_training.read_usual(tmp_path / "usual.json", "resnet18", "test")


def test_another_model_is_refused(tmp_path: Path) -> None:
    write_json([CHILDREN], tmp_path / "usual.json")
    for model, split in (("resnet50", "test"), ("resnet18", "validation")):
        with pytest.raises(DatasetError, match=f"another model or split than {model}, {split}"):
            baseline_training.read_usual(tmp_path / "usual.json", model, split)

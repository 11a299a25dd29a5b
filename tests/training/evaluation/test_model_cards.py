from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pulmoscan.errors import WeightsMissing
from pulmoscan.models.card import add_evidence, read_card
from pulmoscan.models.registry import MODELS, get_spec
from pulmoscan.statistics.metrics import Estimate
from pulmoscan.training.evaluation.model_cards import model_card, write_model_cards


@pytest.fixture
def own_weights(random_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cards that a test may change."""
    folder = tmp_path / "weights"
    folder.mkdir()
    for path in random_weights.glob("*.json"):
        (folder / path.name).write_text(path.read_text())
    monkeypatch.setenv("PULMOSCAN_WEIGHTS", str(folder))


@pytest.mark.usefixtures("own_weights")
def test_every_model_gets_a_page_with_its_figures_and_curves(tmp_path: Path) -> None:
    pages = write_model_cards(tmp_path / "cards")
    assert [page.name for page in pages] == [f"{name}.md" for name in MODELS]
    card = read_card(get_spec("resnet18"))
    text = (tmp_path / "cards" / "resnet18.md").read_text()
    assert card.weights_sha256 in text
    for population in ("child", "adult"):
        scores = card.scores[population, "test"]
        assert scores.auc.decimal in text
        assert scores.at(card.thresholds[population]).sensitivity.percent in text
        picture = Image.open(tmp_path / "cards" / f"resnet18-{population}.png")
        assert min(picture.size) > 600
        assert len(set(picture.convert("L").tobytes())) > 50
        assert f"resnet18-{population}.png" in text
    assert "not a medical device" in text.lower()


@pytest.mark.usefixtures("own_weights")
def test_evidence_is_kept_and_replaced() -> None:
    spec = get_spec("resnet18")
    assert "Not measured yet." in model_card(spec, read_card(spec))
    add_evidence(spec, "parity, validation", {"mean difference": Estimate(0.5, 0.4, 0.6, 9)})
    add_evidence(spec, "parity, validation", {"mean difference": Estimate(0.01, 0.005, 0.02, 9)})
    add_evidence(
        spec, "heatmaps, child, test", {"heat inside lungs": Estimate(0.9, 0.8, 1, 3), "none": Estimate(0, 0, 0, 0)}
    )
    add_evidence(spec, "operating points", {"maximum sensitivity, threshold": Estimate(0.1, 0.05, 0.2, 9)})
    text = model_card(spec, read_card(spec))
    assert "| operating points: maximum sensitivity, threshold | 0.100 (0.050 to 0.200, n = 9) |" in text
    assert "| parity, validation: mean difference | 0.0100 (0.0050 to 0.0200, n = 9) |" in text
    assert "| heatmaps, child, test: heat inside lungs | 90.0 % (80.0 to 100.0, n = 3) |" in text
    assert "none |" not in text


@pytest.mark.usefixtures("own_weights")
@pytest.mark.parametrize(
    ("training", "told"),
    [
        ({"plan": {"epochs": 3, "seed": 0}, "stopped_after": 3}, "3 epochs, seed 0\n"),
        ({"plan": {"epochs": 2, "seed": 0}, "stopped_after": 1}, "1 of 2 epochs, seed 0\n"),
        (
            {"plan": {"epochs": 3, "seed": [0, 4], "mean_with_init": True}, "stopped_after": 3},
            "3 epochs, seed 0, 4, the mean with the initial weights\n",
        ),
    ],
)
def test_how_long_it_was_trained(training: dict[str, Any], told: str) -> None:
    spec = get_spec("resnet18")
    assert told in model_card(spec, replace(read_card(spec), training=training))


@pytest.mark.usefixtures("own_weights")
def test_storage_in_half_precision_is_told_where_it_was_measured() -> None:
    spec = get_spec("resnet18")
    card = read_card(spec)
    assert "half precision" not in model_card(spec, card)
    measured = replace(card, training={**card.training, "storage_difference": 0.00123})
    assert "no validation probability changed by more than 0.0012" in model_card(spec, measured)


def test_without_cards_there_is_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULMOSCAN_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsMissing):
        write_model_cards(tmp_path / "cards")

"""The trained weights that come with the project."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest

from pulmoscan.models.card import read_card
from pulmoscan.models.loading import load_classifier
from pulmoscan.models.preprocessing import model_input
from pulmoscan.models.registry import MODELS, get_spec
from pulmoscan.population import POPULATIONS
from tests.pictures import chest

pytestmark = pytest.mark.weights


@pytest.fixture(params=MODELS)
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv("PULMOSCAN_WEIGHTS", raising=False)
    return str(request.param)


def test_loads_and_answers(name: str) -> None:
    classifier = load_classifier(name)
    forward = classifier.forward(model_input(chest(600, 700).astype(np.float32)))
    assert math.isfinite(float(forward.logits[0]))
    assert np.abs(forward.feature_map).max() > 0


def test_card_belongs_to_the_weights(name: str) -> None:
    spec = get_spec(name)
    assert read_card(spec).weights_sha256 == hashlib.sha256(spec.weights_path.read_bytes()).hexdigest()


def test_card_holds_what_the_pages_show(name: str) -> None:
    card = read_card(get_spec(name))
    for population in POPULATIONS:
        validation = card.scores[population, "validation"]
        assert len(validation.normal) > 50
        assert len(validation.pneumonia) > 10
        assert validation.auc.estimate > 0.75
        reached = validation.at(card.thresholds[population]).sensitivity.estimate
        assert reached >= card.target_sensitivity[population]
    assert card.training["plan"]["architecture"] == get_spec(name).architecture
    assert card.training["curves"]
    assert len(card.training["data_sha256"]) == 64

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pulmoscan.errors import UnknownModel, WeightsDamaged, WeightsMissing
from pulmoscan.models.card import read_card, write_card
from pulmoscan.models.networks import build_network
from pulmoscan.models.registry import DEFAULT_MODEL, MODELS, get_spec
from pulmoscan.settings import REPOSITORY, weights_folder
from pulmoscan.statistics.metrics import Scores


def test_models() -> None:
    """Each has a page of its own name, and a role that no other has; the one to start with is one of them."""
    assert DEFAULT_MODEL in MODELS
    assert {name: (REPOSITORY / "pages" / f"{name}.py").is_file() for name in MODELS} == dict.fromkeys(MODELS, True)
    assert len({spec.role for spec in MODELS.values()}) == len(MODELS)


@pytest.mark.parametrize("spec", MODELS.values(), ids=MODELS)
def test_feature_layer_exists(spec: Any) -> None:
    backbone = build_network(spec.architecture).backbone
    assert any(name.split(".")[-1] == spec.feature_layer for name, _ in backbone.named_modules())


def test_unknown_model() -> None:
    with pytest.raises(UnknownModel, match=r"vgg16.*densenet121, resnet50, resnet18"):
        get_spec("vgg16")


def test_weights_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PULMOSCAN_WEIGHTS", str(tmp_path))
    assert weights_folder() == tmp_path
    assert get_spec("resnet18").weights_path == tmp_path / "resnet18.safetensors"
    for unset in (lambda: monkeypatch.setenv("PULMOSCAN_WEIGHTS", ""), lambda: monkeypatch.delenv("PULMOSCAN_WEIGHTS")):
        unset()
        assert weights_folder() == Path(__file__).resolve().parents[2] / "weights"


def test_card_survives_writing(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = get_spec("resnet18")
    card = read_card(spec)
    monkeypatch.setenv("PULMOSCAN_WEIGHTS", str(tmp_path))
    write_card(spec, card)
    again = read_card(spec)
    assert spec.card_path.parent == tmp_path != models
    assert (again.weights_sha256, again.thresholds) == (card.weights_sha256, card.thresholds)
    assert (again.target_sensitivity, again.training) == (card.target_sensitivity, card.training)
    assert (again.heat_method, again.heat_reference) == (card.heat_method, card.heat_reference)
    assert again.scores.keys() == card.scores.keys()
    for key, scores in card.scores.items():
        np.testing.assert_allclose(np.sort(scores.normal), again.scores[key].normal, atol=1e-6)
        np.testing.assert_allclose(np.sort(scores.pneumonia), again.scores[key].pneumonia, atol=1e-6)


def test_card_keeps_the_file_name_beside_its_score(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sorting and rounding must not part a radiograph from its probability."""
    assert models.is_dir()
    spec = get_spec("resnet18")
    card = read_card(spec)
    probabilities = np.array([0.7, 0.1234567, 0.9, 0.1234567, 0.5])
    files = ("c.png", "b.png", "e.png", "a.png", "d.png")
    scores = Scores.of([0, 0, 1, 0, 1], probabilities, files)
    monkeypatch.setenv("PULMOSCAN_WEIGHTS", str(tmp_path))
    write_card(spec, replace(card, scores={("child", "test"): scores}))
    again = read_card(spec).scores["child", "test"]
    assert list(zip(again.normal_files, again.normal.tolist(), strict=True)) == [
        ("a.png", 0.123457),
        ("b.png", 0.123457),
        ("c.png", 0.7),
    ]
    assert list(zip(again.pneumonia_files, again.pneumonia.tolist(), strict=True)) == [("d.png", 0.5), ("e.png", 0.9)]


def test_missing_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULMOSCAN_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsMissing, match=r"resnet18\.json.*git checkout"):
        read_card(get_spec("resnet18"))


Change = Callable[[dict[str, Any]], Any]


@pytest.mark.parametrize(
    "change",
    [
        lambda card: card.pop("heat"),
        lambda card: card.pop("weights_sha256"),
        lambda card: card["operating_points"].pop("adult"),
        lambda card: card["operating_points"]["child"].update(threshold=1.5),
        lambda card: card["operating_points"]["child"].update(threshold=math.nan),
        lambda card: card["operating_points"]["child"].update(threshold="high"),
        lambda card: card["heat"].update(method="guess"),
        lambda card: card["heat"].update(reference=0),
        lambda card: card["heat"].update(reference=-1),
        lambda card: card["scores"].update(child=[]),
        lambda card: card["scores"]["child"].update(test=3),
        lambda card: card["scores"]["child"]["test"].update(normal_files=["one.png"]),
        lambda card: card["scores"]["child"]["test"].update(normal_files=[3] * 200, pneumonia_files=[3] * 350),
    ],
)
def test_card_that_is_none(change: Change, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = json.loads((models / "resnet18.json").read_text())
    change(card)
    (tmp_path / "resnet18.json").write_text(json.dumps(card))
    assert_damaged(tmp_path, monkeypatch)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'"card"', b"\xff\xfe", b"version https://git-lfs"])
def test_file_that_is_no_card(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "resnet18.json").write_bytes(content)
    assert_damaged(tmp_path, monkeypatch)


def assert_damaged(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULMOSCAN_WEIGHTS", str(folder))
    with pytest.raises(WeightsDamaged, match=r"resnet18\.json.*git checkout"):
        read_card(get_spec("resnet18"))

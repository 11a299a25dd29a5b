from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from torch import nn

from pulmoscan.errors import UnknownModel, WeightsDamaged, WeightsMissing
from pulmoscan.models import classifier
from pulmoscan.models.card import read_card, write_card
from pulmoscan.models.classifier import Classifier
from pulmoscan.models.loading import load_classifier
from pulmoscan.models.networks import Network
from pulmoscan.models.preprocessing import model_input
from pulmoscan.models.registry import MODELS, ModelSpec, get_spec
from pulmoscan.reading.radiograph import Radiograph
from pulmoscan.runtime.eager import Eager
from pulmoscan.screening import read, read_with

WEIGHTS, CARD = "resnet18.safetensors", "resnet18.json"


@pytest.fixture
def own_models(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A weights folder of this test's own, with ResNet-18 alone."""
    for name in (WEIGHTS, CARD):
        shutil.copy(models / name, tmp_path)
    monkeypatch.setenv("PULMOSCAN_WEIGHTS", str(tmp_path))
    return tmp_path


def replace_weights(folder: Path, data: bytes) -> None:
    """New weights with a card that fits them."""
    (folder / WEIGHTS).write_bytes(data)
    card = json.loads((folder / CARD).read_text())
    card["weights_sha256"] = hashlib.sha256(data).hexdigest()
    (folder / CARD).write_text(json.dumps(card))


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runtime that holds the network itself."""
    monkeypatch.setenv("PULMOSCAN_RUNTIME", "torch")


def network_of(loaded: Classifier) -> Network:
    assert isinstance(loaded._compiled._engine, Eager)
    first, _ = loaded._compiled._engine._module.children()
    network = first.network
    assert isinstance(network, Network)
    return network


def fingerprint(network: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, value in network.state_dict().items():
        digest.update(name.encode() + value.numpy().tobytes())
    return digest.hexdigest()


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("name", MODELS)
def test_loads_what_was_saved(
    name: str, models: Path, random_networks: dict[str, Network], radiographs: list[Radiograph]
) -> None:
    assert models.is_dir()
    loaded = load_classifier(name)
    assert loaded.spec is get_spec(name)
    x = np.concatenate([model_input(r.pixels) for r in radiographs[:3]])
    forward = loaded.forward(x)
    with torch.no_grad():
        expected = random_networks[loaded.spec.architecture](torch.from_numpy(x))
    np.testing.assert_allclose(forward.logits, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(forward.probabilities, torch.sigmoid(torch.from_numpy(forward.logits)), atol=1e-7)
    assert forward.logits.dtype == forward.probabilities.dtype == forward.feature_map.dtype == np.float32
    np.testing.assert_allclose(loaded.head(forward.feature_map), forward.logits, rtol=1e-4, atol=1e-4)
    assert forward.probabilities.std() > 0.01  # it tells pictures apart


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("name", MODELS)
def test_is_never_mutated(name: str, models: Path, radiographs: list[Radiograph]) -> None:
    """Frozen, in eval mode, without hooks; and so it stays, whatever is read."""
    assert models.is_dir()
    network = network_of(load_classifier(name))
    before = fingerprint(network)
    for radiograph in radiographs[:4]:
        read(radiograph, name)
    assert fingerprint(network) == before
    for parameter in network.parameters():
        assert not parameter.requires_grad
        assert parameter.grad is None
    for module in network.modules():
        assert not module.training
        hooks = [key for key in vars(module) if key.endswith("_hooks")]
        assert "_forward_hooks" in hooks
        assert not any(getattr(module, key) for key in hooks)


def test_unknown() -> None:
    with pytest.raises(UnknownModel, match="vgg16"):
        load_classifier("vgg16")


@pytest.mark.parametrize("name", [WEIGHTS, CARD])
def test_missing_file(name: str, own_models: Path) -> None:
    load_classifier("resnet18")
    (own_models / name).unlink()
    with pytest.raises(WeightsMissing, match=rf"{name}.*git checkout -- weights"):
        load_classifier("resnet18")


def test_file_that_vanishes_while_it_is_read(own_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def vanish(*_: Any) -> bytes:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_bytes", vanish)
    with pytest.raises(WeightsMissing, match=str(own_models)):
        load_classifier("resnet18")


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda _: b"",
        lambda data: data[:-1000] + bytes([data[-1000] ^ 1]) + data[-999:],
        lambda data: data + b"\0",
    ],
    ids=["cut by a byte", "halved", "empty", "one bit", "longer"],
)
def test_checksum(damage: Callable[[bytes], bytes], own_models: Path) -> None:
    path = own_models / WEIGHTS
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(WeightsDamaged, match=rf"{WEIGHTS}.*checksum.*git checkout -- weights"):
        load_classifier("resnet18")


def without(key: str) -> Callable[[bytes], bytes]:
    return lambda data: save({k: v for k, v in load(data).items() if k != key})


@pytest.mark.parametrize(
    "make",
    [
        lambda data: data[:-1],
        lambda _: b"",
        lambda _: b"version https://git-lfs.github.com/spec/v1",
        lambda _: b"\xff" * 100,
        without("fc.bias"),
        without("layer4.1.bn2.running_var"),
        lambda data: save(load(data) | {"extra": torch.zeros(1)}),
        lambda data: save(load(data) | {"fc.weight": torch.zeros(2, 512)}),
    ],
    ids=["cut", "empty", "LFS pointer", "noise", "no bias", "no statistics", "a tensor too many", "two classes"],
)
def test_loading_is_strict(make: Callable[[bytes], bytes], own_models: Path) -> None:
    """Although the checksum fits: what is not exactly this architecture's weights is refused."""
    replace_weights(own_models, make((own_models / WEIGHTS).read_bytes()))
    with pytest.raises(WeightsDamaged, match=rf"{WEIGHTS}.*architecture"):
        load_classifier("resnet18")


def test_weights_of_another_architecture(own_models: Path, random_weights: Path) -> None:
    replace_weights(own_models, (random_weights / "resnet50.safetensors").read_bytes())
    with pytest.raises(WeightsDamaged, match="architecture"):
        load_classifier("resnet18")


def test_damaged_card(own_models: Path) -> None:
    (own_models / CARD).write_text("{}")
    with pytest.raises(WeightsDamaged, match=rf"{CARD}.*card"):
        load_classifier("resnet18")


def test_loaded_once(own_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen sessions that start together share one model."""
    assert own_models.is_dir()
    loads: list[str] = []
    original = classifier._load

    def counted(spec: ModelSpec) -> Classifier:
        loads.append(spec.name)
        return original(spec)

    monkeypatch.setattr(classifier, "_load", counted)
    barrier = Barrier(16)

    def load_together(_: int) -> Classifier:
        barrier.wait()
        return load_classifier("resnet18")

    with ThreadPoolExecutor(16) as pool:
        loaded = list(pool.map(load_together, range(16)))
    assert len({id(one) for one in loaded}) == 1
    assert loads == ["resnet18"]


@pytest.mark.usefixtures("eager")
def test_replaced_weights_are_loaded_anew(own_models: Path) -> None:
    first = load_classifier("resnet18")
    state = load((own_models / WEIGHTS).read_bytes())
    replace_weights(own_models, save(state | {"fc.bias": state["fc.bias"] + 1}))
    second = load_classifier("resnet18")
    assert second is not first
    torch.testing.assert_close(network_of(second).linear.bias, network_of(first).linear.bias + 1)
    assert load_classifier("resnet18") is second


def test_replaced_card_is_read_anew(own_models: Path) -> None:
    before = load_classifier("resnet18").card
    path = own_models / CARD
    card = json.loads(path.read_text())
    card["operating_points"]["child"]["threshold"] = 0.11
    path.write_text(json.dumps(card))
    os.utime(path, ns=(1, 1))  # even where the size stays and the clock is coarse
    after = load_classifier("resnet18").card
    assert (before.thresholds["child"], after.thresholds["child"]) == (0.31, 0.11)


def test_one_version_is_kept(own_models: Path) -> None:
    """Weights that are replaced again and again do not pile up in memory."""
    for stamp in range(1, 4):
        os.utime(own_models / WEIGHTS, ns=(stamp, stamp))
        load_classifier("resnet18")
    assert list(classifier._loaded._made).count("resnet18") == 1


@pytest.mark.usefixtures("own_models")
def test_probability_is_calibrated_by_the_cards_temperature(radiographs: list[Radiograph]) -> None:
    plain = read_with(load_classifier("resnet18"), radiographs[0])
    spec = get_spec("resnet18")
    write_card(spec, dataclasses.replace(read_card(spec), temperature=2.5))
    scaled = read_with(load_classifier("resnet18"), radiographs[0])
    assert scaled.logit == plain.logit
    assert plain.probability == pytest.approx(1 / (1 + math.exp(-plain.logit)))
    assert scaled.probability == pytest.approx(1 / (1 + math.exp(-plain.logit / 2.5)))

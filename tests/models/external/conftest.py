"""A home of the test's own, and weights files of the published format to put there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from pulmoscan.models.external.weights import checksum_path
from pulmoscan.models.registry import EXTERNAL_MODELS, ExternalSpec
from tests.lung_weights import dark_is_lung, install_lungs
from tests.models.external.published import published_format, random_module

ALL, CHEX = EXTERNAL_MODELS["xrv-densenet121-all"], EXTERNAL_MODELS["xrv-densenet121-chex"]
Place = Callable[[ExternalSpec], Path]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Both the weights and the cards of external models lie in a folder of this test's own."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    (tmp_path / "cards").mkdir()
    monkeypatch.setenv("PULMOSCAN_WEIGHTS", str(tmp_path / "cards"))
    install_lungs(dark_is_lung())  # no picture is read unexamined
    return tmp_path / "home"


@pytest.fixture(scope="session")
def weights_file() -> bytes:
    """The bytes of a weights file of the published format."""
    return published_format(random_module())


def put(spec: ExternalSpec, data: bytes, on_purpose: bool = True) -> Path:
    """Place a weights file where the package looks; `on_purpose` with its checksum beside it."""
    spec.weights_path.parent.mkdir(parents=True, exist_ok=True)
    spec.weights_path.write_bytes(data)
    if on_purpose:
        checksum_path(spec).write_text(f"{hashlib.sha256(data).hexdigest()}  {spec.file}\n")
    return spec.weights_path


@pytest.fixture
def placed(weights_file: bytes) -> Place:
    """Places that file for a model, on purpose."""
    return lambda spec: put(spec, weights_file)

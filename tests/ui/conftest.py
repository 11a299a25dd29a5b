"""The app's surroundings in a test: random models and a made-up gallery."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from streamlit.components.v2 import manifest_scanner

from pulmoscan.gallery import samples
from pulmoscan.models.classifier import Classifier, Forward
from tests.pictures import encode, grey8


@pytest.fixture(scope="session", autouse=True)
def _no_search_for_components() -> Iterator[None]:
    """As the app itself does (`pulmoscan.ui.serve`): each `AppTest` would read the metadata of all packages anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", lambda max_workers=None: [])  # noqa: ARG005
        yield


@pytest.fixture(autouse=True)
def _main_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit puts a page's script in its place, and the processes that later tests start would run that."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture(autouse=True)
def _installed(models: Path, gallery: Path, own_samples: Path, home: Path) -> None:
    """Every test here has models and a gallery, and none of the tester's own pictures and external weights."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own."""
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def own_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the user's own samples; empty."""
    monkeypatch.setenv("PULMOSCAN_SAMPLES", str(tmp_path / "own"))
    return tmp_path / "own"


@pytest.fixture
def gallery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A gallery of two samples, First and Second."""
    folder = tmp_path / "gallery"
    folder.mkdir()
    entries = []
    for seed, title in enumerate(("First", "Second")):
        file = f"{title}.png"
        (folder / file).write_bytes(encode(grey8(256, 300, seed=seed), "PNG"))
        about = {"label": "unknown", "caption": f"{title} of the made-up ones.", "origin": "Made by the tests"}
        about["population"] = "child"
        entries.append({"file": file, "title": title, **about})
    (folder / samples.MANIFEST_NAME).write_text(json.dumps({"samples": entries}))
    monkeypatch.setattr(samples, "gallery_folder", lambda: folder)
    return folder


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The model's name for each forward pass."""
    names: list[str] = []
    forward = Classifier.forward

    def counted(self: Classifier, x: NDArray[np.float32]) -> Forward:
        names.append(self.spec.name)
        return forward(self, x)

    monkeypatch.setattr(Classifier, "forward", counted)
    return names

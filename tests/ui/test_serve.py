"""The app starts, whatever is or is not there to be made ready; Streamlit still has the parts that are left out."""

from __future__ import annotations

import gc
import inspect
from pathlib import Path

import pytest
from streamlit import delta_generator
from streamlit.components.v2 import component_manager, manifest_scanner
from streamlit.runtime.pages_manager import PagesManager

from benchmarks.browser_session import BrowserSession
from benchmarks.load import running_app
from pulmoscan.models import classifier
from pulmoscan.models.registry import DEFAULT_MODEL, ModelSpec, get_spec
from pulmoscan.runtime.once import Once
from pulmoscan.ui import serve


def test_a_page_is_the_first_to_be_asked_for_and_its_weights_are_missing(tmp_path: Path) -> None:
    with running_app({"PULMOSCAN_WEIGHTS": str(tmp_path)}) as server, BrowserSession(server.address) as visitor:
        run = visitor.open(DEFAULT_MODEL)
    assert f"{tmp_path / DEFAULT_MODEL}.json is missing" in run.text
    assert get_spec(DEFAULT_MODEL).title in run.text


def test_made_ready(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULMOSCAN_DECODING", "here")
    monkeypatch.setattr(gc, "freeze", lambda: None)  # for this process lives on
    loaded: list[str] = []
    load = classifier._load

    def noted(spec: ModelSpec) -> classifier.Classifier:
        loaded.append(spec.name)
        return load(spec)

    monkeypatch.setattr(classifier, "_load", noted)
    monkeypatch.setattr(classifier, "_loaded", Once())  # another test may have loaded it
    gc.disable()
    serve._make_ready()
    assert gc.isenabled()
    assert loaded == [DEFAULT_MODEL]
    assert models.is_dir()


def test_streamlit_has_what_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """An update that renames it costs time and nothing else; here it is noticed."""
    assert "scan_component_manifests" in inspect.getsource(component_manager)
    monkeypatch.setattr(manifest_scanner, "scan_component_manifests", manifest_scanner.scan_component_manifests)
    monkeypatch.setattr(PagesManager, "uses_pages_directory", None)
    monkeypatch.setattr(delta_generator, "_use_warning_has_been_displayed", False)
    serve._leave_out()
    assert manifest_scanner.scan_component_manifests() == []
    assert PagesManager.uses_pages_directory is False
    assert delta_generator._use_warning_has_been_displayed

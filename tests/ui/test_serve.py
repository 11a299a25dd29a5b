"""The app starts, whatever is or is not there to be made ready; Streamlit still has the parts that are left out."""

from __future__ import annotations

import gc
import inspect
import os
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from streamlit import config, delta_generator, net_util
from streamlit.components.v2 import component_manager, manifest_scanner
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import script_runner
from streamlit.web import bootstrap
from streamlit.web.server.starlette import starlette_server

from benchmarks.browser_session import BrowserSession
from benchmarks.load import ALONE, running_app
from pulmoscan import cli
from pulmoscan.errors import InvalidServerSetting
from pulmoscan.models import classifier
from pulmoscan.models.registry import DEFAULT_MODEL, ModelSpec, get_spec
from pulmoscan.runtime.once import Once
from pulmoscan.ui import serve
from tests.conftest import REPOSITORY


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
    assert "net_util.get_external_ip()" in inspect.getsource(bootstrap)
    monkeypatch.setattr(net_util, "get_external_ip", net_util.get_external_ip)
    serve._leave_out()
    assert manifest_scanner.scan_component_manifests() == []
    assert PagesManager.uses_pages_directory is False
    assert delta_generator._use_warning_has_been_displayed
    assert net_util.get_external_ip() is None
    assert "_main_script_path" in inspect.getsource(config), "of where .streamlit/config.toml lies"
    assert "postScriptGC" in inspect.getsource(script_runner), ".streamlit/config.toml switches it off"


def test_nothing_waits_for_the_browser_to_acknowledge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starlette_server, "_bind_socket", starlette_server._bind_socket)
    serve._listen_well()
    with starlette_server._bind_socket("127.0.0.1", 0, 1) as listening:
        listening.listen()
        listening.setblocking(True)
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_streamlits_variables_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("STREAMLIT_")]:
        monkeypatch.delenv(name)
    assert serve._told_by_the_environment() == {}
    monkeypatch.setenv("STREAMLIT_SERVER_ADDRESS", "127.0.0.1")
    monkeypatch.setenv("STREAMLIT_SERVER_HEADLESS", "true")
    monkeypatch.setenv("STREAMLIT_SERVER_MAX_UPLOAD_SIZE", "3")
    monkeypatch.setenv("STREAMLIT_SERVER_CORS_ALLOWED_ORIGINS", "http://a http://b")
    assert serve._told_by_the_environment() == {
        "server_address": "127.0.0.1",
        "server_headless": True,
        "server_maxUploadSize": 3,
        "server_corsAllowedOrigins": ("http://a", "http://b"),
    }
    monkeypatch.setenv("STREAMLIT_SERVER_MAX_UPLOAD_SIZE", "much")
    with pytest.raises(InvalidServerSetting, match="much"):
        serve._told_by_the_environment()


def test_the_app_listens_where_it_was_told() -> None:
    """As SECURITY.md says: STREAMLIT_SERVER_ADDRESS=127.0.0.1 for nobody but this machine."""
    with running_app() as server:
        port = urlsplit(server.address).port
        assert port
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), timeout=5).close()


@pytest.mark.parametrize("command", ["app", "serve"])
def test_a_port_that_is_taken(command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "pulmoscan", command, "--port", port],
            cwd=REPOSITORY,
            env={**os.environ, **ALONE},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert f"Port {port} cannot be used (" in done.stderr
    assert "choose another one with --port" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("port", ["0", "70000", "-1", "x"])
def test_what_is_no_port(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["app", f"--port={port}"])
    assert "--port" in capsys.readouterr().err

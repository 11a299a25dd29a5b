"""The real app on a free port, and a Chromium to drive it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
from PIL import Image

from benchmarks.reader import NAMES, chromium
from pulmoscan.gallery.samples import gallery
from pulmoscan.models.registry import MODELS
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.settings import weights_folder

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

ROOT = Path(__file__).resolve().parents[2]
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
             "--disable-background-networking", "--disable-component-update")  # fmt: skip
PATIENCE = 120_000  # milliseconds


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = chromium()
    if path is None:
        pytest.skip(f"none of {', '.join(NAMES)} is installed")
    sync_api.expect.set_options(timeout=PATIENCE)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


Open = Callable[..., "Page"]


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Open]:
    """Opens a page of its own session; fails the test where a script of it failed."""
    failures: list[str] = []
    contexts: list[BrowserContext] = []

    def new_page(width: int = 1440, height: int = 900, scheme: Literal["light", "dark"] = "light") -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        return page

    yield new_page
    for context in contexts:
        context.close()
    assert failures == []


@pytest.fixture(scope="session")
def weights(request: pytest.FixtureRequest) -> Path:
    """The trained models, or random ones where they are not there."""
    files = [f"{name}.{kind}" for name in (*MODELS, "lungs") for kind in ("safetensors", "json")]
    if all((weights_folder() / file).is_file() for file in files):
        return weights_folder()
    folder: Path = request.getfixturevalue("random_weights")
    return folder


@contextmanager
def running_app(weights: Path) -> Iterator[str]:
    """Start the app as a user does; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "Home.py", "--server.headless=true", f"--server.port={port}",
               "--server.address=127.0.0.1", "--server.fileWatcherType=none"]  # fmt: skip
    environment = {**os.environ, "PULMOSCAN_WEIGHTS": str(weights), "PULMOSCAN_SAMPLES": str(weights / "no samples")}
    with subprocess.Popen(command, cwd=ROOT, env=environment) as app:
        try:
            address = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + PATIENCE / 1000
            while not _answers(address):
                assert app.poll() is None, "the app ended"
                assert time.monotonic() < deadline, "the app does not answer"
                time.sleep(0.2)
            yield address
        finally:
            app.terminate()


def _answers(address: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"{address}/_stcore/health", timeout=5) as response:
        return bool(response.status == 200)
    return False


@pytest.fixture(scope="package")
def app(weights: Path, browser: Browser) -> Iterator[str]:  # noqa: ARG001 - no browser, no app
    """The address of an app that the tests share; each page is a session of its own."""
    with running_app(weights) as address:
        yield address


@pytest.fixture
def upload_file(tmp_path: Path) -> Path:
    """A radiograph that the gate lets through."""
    path = tmp_path / "from_the_ward.png"
    Image.fromarray((load_radiograph(gallery()[-1].path).pixels * 255).astype(np.uint8)).save(path)
    return path


@pytest.fixture
def ward(tmp_path: Path) -> list[Path]:
    """Four radiographs of the gallery, which the gate lets pass, one of them twice, two in a zip; and a broken file."""
    gallery = ROOT / "test_samples"
    files = []
    for name in ("normal_1", "pneumonia_1"):
        path = tmp_path / f"ward_{name}.png"
        path.write_bytes((gallery / f"{name}.png").read_bytes())
        files.append(path)
    archive = tmp_path / "night.zip"
    with zipfile.ZipFile(archive, "w") as night:
        night.write(gallery / "normal_2.png", "night/ward_normal_2.png")
        night.write(files[0], "night/again.png")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    return [*files, archive, broken]

"""The wheel as a stranger gets it: built from the Dockerfile's files, in an environment and a folder of its own."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import venv
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest

from benchmarks.browser_session import BrowserSession
from benchmarks.load import settled, upload
from pulmoscan import __version__
from pulmoscan.models.registry import MODELS
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.weights
PATIENCE = 900  # seconds; a machine that works for others too is slow


def dockerfile() -> list[list[str]]:
    """Its instructions, each split as a shell would."""
    text = (REPOSITORY / "Dockerfile").read_text().replace("\\\n", " ")
    return [shlex.split(line) for line in text.splitlines() if line and not line.startswith("#")]


def runs(*start: str) -> list[str]:
    """The one RUN instruction's command that begins so."""
    found = [words[1:] for words in dockerfile() if words[0] == "RUN"]
    (command,) = [words for words in found if words[: len(start)] == list(start)]
    return command


def started() -> list[str]:
    """What a container starts."""
    (words,) = re.findall(r"^CMD (\[.*\])$", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE)
    return list(json.loads(words))


@dataclass(frozen=True)
class Installed:
    """The installed package: its programs' folder, the wheel, and an empty folder to work in."""

    programs: Path
    wheel: Path
    folder: Path

    def run(self, *command: object) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment in the empty folder."""
        words = [str(self.programs / str(command[0])), *map(str, command[1:])]
        return subprocess.run(
            words, cwd=self.folder, env=environment(), capture_output=True, text=True, timeout=PATIENCE, check=False
        )


def environment(**more: str) -> dict[str, str]:
    """This process's, without what would lead Python back to the checkout."""
    return {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV", "PULMOSCAN_WEIGHTS")} | more


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    base = tmp_path_factory.mktemp("package")
    build, dist, env, folder = (base / name for name in ("build", "dist", "venv", "empty"))
    build.mkdir()
    folder.mkdir()
    for instruction, *words in dockerfile():
        if instruction == "COPY" and not words[0].startswith("--") and words[-1] != "/lock/":
            copy(words[:-1], build / words[-1])
    command = [str(dist) if word == "/dist" else word for word in runs("python", "-m", "pip", "wheel")]
    # The build's own needs are installed already (requirements-dev.txt).
    subprocess.run([sys.executable, *command[1:], "--quiet", "--no-build-isolation"], cwd=build, check=True)
    venv.create(env, with_pip=False)
    programs = env / ("Scripts" if os.name == "nt" else "bin")
    python = programs / "python"
    (wheel,) = dist.glob("pulmoscan-*.whl")
    command = runs("python", "-m", "pip", "install", "--no-cache-dir", "--no-deps")
    install = [str(wheel) if word.startswith("/dist/") else word for word in command]
    subprocess.run([sys.executable, *install[1:3], "--python", str(python), *install[3:], "--quiet"], check=True)
    # The libraries are this environment's: PyTorch alone would take minutes to install.
    (packages,) = env.glob("[Ll]ib/**/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    shutil.rmtree(build)
    yield Installed(programs, wheel, folder)
    shutil.rmtree(base)


def copy(sources: list[str], target: Path) -> None:
    """What Docker's COPY does: a folder's content, or files into a folder."""
    for source in (REPOSITORY / name for name in sources):
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)


def test_wheel_holds_all_that_the_app_needs(installed: Installed) -> None:
    names = set(zipfile.ZipFile(installed.wheel).namelist())
    assert {"pulmoscan/py.typed", "pulmoscan/_app/Home.py", "pulmoscan/_app/.streamlit/config.toml"} <= names
    for folder in ("pages", "weights", "test_samples"):
        files = {f"pulmoscan/_app/{folder}/{path.name}" for path in (REPOSITORY / folder).glob("*") if path.is_file()}
        assert files <= names
    package = REPOSITORY / "pulmoscan"
    assets = {path.relative_to(REPOSITORY).as_posix() for path in package.rglob("*") if path.suffix != ".pyc"}
    assert {name for name in assets if (REPOSITORY / name).is_file()} <= names
    assert {"LICENSE", "NOTICE", "THIRD_PARTY.md"} <= {name.rsplit("/", 1)[-1] for name in names}


def test_lists_of_requirements_come_along(installed: Installed) -> None:
    """Whoever installs the wheel gets what requirements.txt asks for, and no more; the rest are extras."""
    (name,) = [n for n in zipfile.ZipFile(installed.wheel).namelist() if n.endswith(".dist-info/METADATA")]
    metadata = zipfile.ZipFile(installed.wheel).read(name).decode()
    required = re.findall(r"^Requires-Dist: ([\w-]+).*?(?:extra == '(\w+)')?$", metadata, re.MULTILINE)
    extras = ("train", "xrv", "hospital", "cluster")
    for extra in ("", *extras):
        file = REPOSITORY / (f"requirements-{extra}.txt" if extra else "requirements.txt")
        listed = set(re.findall(r"^[\w-]+", file.read_text(), re.MULTILINE))
        assert {package for package, of in required if of == extra} == listed
    assert {"dev", *extras} == set(re.findall(r"^Provides-Extra: (\w+)", metadata, re.MULTILINE))


def test_command_screens_in_any_folder(installed: Installed) -> None:
    where = installed.run("python", "-c", "import pulmoscan; print(pulmoscan.__file__)")
    assert Path(where.stdout.strip()).is_relative_to(installed.programs.parent), "the test would test the checkout"
    assert installed.run("pulmoscan", "--version").stdout == f"PulmoScan {__version__}\n"
    assert installed.run("pulmoscan", "--help").stdout.startswith("usage: pulmoscan ")
    shutil.copy(REPOSITORY / "test_samples" / "pneumonia_1.png", installed.folder / "radiograph.png")
    screened = installed.run("pulmoscan", "screen", "radiograph.png", "--format", "json", "--overlays", "overlays")
    assert screened.returncode == 0, screened.stderr
    result = json.loads(screened.stdout)
    assert (result["status"], result["model"]) == ("ok", "densenet121")
    assert sorted(path.name for path in installed.folder.iterdir()) == ["overlays", "radiograph.png"]
    shutil.rmtree(installed.folder / "overlays")


def test_weights_and_gallery_are_found(installed: Installed) -> None:
    listed = installed.run(*runs("pulmoscan", "models"))
    assert listed.returncode == 0, listed.stdout + listed.stderr
    assert all(model in listed.stdout for model in MODELS)
    assert "_app" in listed.stdout


def test_app_answers_from_any_folder(installed: Installed) -> None:
    """Its pages, stylesheets, weights and gallery are found: a visitor uploads a radiograph and is told the result."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    program, *words = [port if word == "8501" else word for word in started()]
    env = environment(STREAMLIT_SERVER_HEADLESS="true", STREAMLIT_SERVER_ADDRESS="127.0.0.1")
    address = f"http://127.0.0.1:{port}"
    log = installed.folder.with_name("log")
    with log.open("wb") as output:
        app = subprocess.Popen(
            [installed.programs / program, *words], cwd=installed.folder, env=env, stdout=output, stderr=output
        )
        try:
            wait_for(f"{address}/_stcore/health", app, log)
            with BrowserSession(address) as visitor:
                visitor.open("resnet18")
                radiograph = (REPOSITORY / "test_samples" / "pneumonia_1.png").read_bytes()
                assert settled(upload(visitor, "radiograph.png", radiograph)).pictures
        finally:
            app.send_signal(signal.SIGTERM)
            app.wait(60)
    with pytest.raises(OSError, match="refused"):
        urlopen(f"{address}/_stcore/health", timeout=5)  # the server went with the command
    assert "Traceback" not in log.read_text()


def wait_for(address: str, app: subprocess.Popen[bytes], log: Path) -> None:
    began = time.monotonic()
    while app.poll() is None and time.monotonic() - began < PATIENCE:
        with suppress(OSError), urlopen(address, timeout=5) as response:
            assert response.status == 200
            return
        time.sleep(0.1)
    raise AssertionError(f"The app does not start: {log.read_text()[-2000:]}")


class TestDockerfile:
    def test_what_it_copies_is_there_and_not_ignored(self) -> None:
        kept = [line[1:].rstrip("/*") for line in (REPOSITORY / ".dockerignore").read_text().split() if line[0] == "!"]
        for instruction, *words in dockerfile():
            if instruction == "COPY" and not words[0].startswith("--"):
                for source in words[:-1]:
                    assert (REPOSITORY / source).exists(), source
                    assert any(source == name or source.startswith(name) for name in kept), source

    def test_it_gives_up_root_and_installs_with_hashes(self) -> None:
        instructions = [words[0] for words in dockerfile()]
        user = instructions.index("USER")
        assert dockerfile()[user][1] != "root"
        assert all(i > user for i, name in enumerate(instructions) if name in ("CMD", "HEALTHCHECK", "EXPOSE"))
        assert any("--require-hashes" in words for words in dockerfile())

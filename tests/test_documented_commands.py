"""Every command in the documents: copied from there and run, or, where it takes hours or a network, read by the parser.

What a command is run on stands in place of its words in capitals: a folder with one made-up radiograph.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import pytest
from PIL import Image

from pulmoscan import __version__, cli, errors
from tests.conftest import REPOSITORY
from tests.pictures import grey8

DOCUMENTS = sorted([REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md"), REPOSITORY / "CONTRIBUTING.md"])
PROGRAM = re.compile(r"^(?:\.venv/bin/)?python -m pulmoscan\s+|^pulmoscan\s+")
COMMAND = re.compile(r"^(?:[A-Z_]+=\S+ )*(?:make|docker|git|pip|pulmoscan|(?:\.venv/bin/)?(?:python|pre-commit))\s+\S")
RUN_HERE = ("screen", "models", "samples")
"""The others take the datasets, hours, a network or the documentation's folder: their arguments alone are read. `app`
is run from the installed package (tests/test_package.py)."""
STANDS_FOR = {"MODEL": "densenet121", "N": "1", "PATH": "RADIOGRAPHS", "FOLDER": "RADIOGRAPHS", "…": ""}


def documented() -> list[tuple[str, str]]:
    """File name and command; from fenced blocks, and from code within a sentence."""
    found = []
    for path in DOCUMENTS:
        text = re.sub(r"<!--.*?-->", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        spans = re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
        lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
        commands = [re.sub(r"\s+", " ", line.partition(" #")[0]).strip() for line in (*lines, *spans)]
        found += [(path.name, command) for command in commands if COMMAND.match(command)]
    return list(dict.fromkeys(found))


def arguments(command: str) -> list[str] | None:
    """PulmoScan's own arguments in a command; None where it is another program's."""
    command = re.sub(r"^(?:[A-Z_]+=\S+ )*", "", command)
    return shlex.split(re.sub(r"[][]", "", PROGRAM.sub("", command))) if PROGRAM.match(command) else None


def own() -> list[tuple[str, str]]:
    return [(file, command) for file, command in documented() if arguments(command) is not None]


def others() -> list[tuple[str, str]]:
    return [(file, command) for file, command in documented() if arguments(command) is None]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: with the files that the commands name."""
    (tmp_path / "RADIOGRAPHS").mkdir()
    for name in ("RADIOGRAPHS/one.png", "RADIOGRAPH.png"):
        Image.fromarray(grey8(300, 260, seed=1)).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PULMOSCAN_SAMPLES", str(tmp_path / "own"))
    return tmp_path


@pytest.mark.usefixtures("models", "workplace")
@pytest.mark.parametrize(("file", "command"), own())
def test_own_command(file: str, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = arguments(command)
    assert words
    words = [STANDS_FOR.get(word, word) for word in words if STANDS_FOR.get(word, word)]
    if ">>" in words:
        words, (target,) = words[: words.index(">>")], words[words.index(">>") + 1 :]
        Path(target).touch()  # as the shell does before the program starts
    assert callable(cli._parser().parse_args([*words, *left_out(words)]).run)
    if words[0] in RUN_HERE and "xrv-" not in command:
        assert cli.main(words) == 0, f"{file}: {capsys.readouterr().err}"


def left_out(words: list[str]) -> list[str]:
    """What a sentence leaves out that names a command without all it needs."""
    needed = {"--data": "DATA", "--model": "densenet121"}
    if words[0] in (*RUN_HERE, "benchmark"):
        return []
    missing = [option for option in needed if option not in words and option in options_of(words[0])]
    return [word for option in missing for word in (option, needed[option])]


@pytest.mark.parametrize(("file", "command"), others())
def test_other_command(file: str, command: str) -> None:
    words = shlex.split(re.sub(r"^(?:[A-Z_]+=\S+ )*", "", command))
    program = Path(words[0]).name
    if program == "make":
        # Targets and variables exist: make says so, without doing it.
        result = subprocess.run([*words, "--dry-run"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
        assert result.returncode == 0, f"{file}: {result.stderr}"
        for name in re.findall(r"\b([A-Z_]+)=", command.partition("make")[2]):
            assert re.search(rf"^{name}\s*[?:]?=", (REPOSITORY / "Makefile").read_text(), re.MULTILINE), name
    elif "install" in words and ("pip" in words or program == "pre-commit"):
        for word in words[words.index("install") + 1 :]:
            if word.endswith(".whl"):
                assert word == f"dist/pulmoscan-{__version__}-py3-none-any.whl"
            elif word.endswith((".txt", ".lock")):
                assert (REPOSITORY / word).is_file(), f"{file}: {word}"
    elif words[:2] == ["python", "-m"]:
        path = REPOSITORY / words[2].replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), f"{file}: {words[2]}"
    elif program == "python" and words[1].endswith(".py"):
        assert (REPOSITORY / words[1]).is_file(), f"{file}: {words[1]}"
    else:
        assert program in ("docker", "git"), f"{file}: {command}: how is this tested?"


def test_make_app_serves() -> None:
    """`make app PORT=…` for real, in the environment that runs the tests."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["make", "--assume-old=.venv/app.stamp", "app", f"PORT={port}", f"BIN={Path(sys.executable).parent}"]
    env = os.environ | {"STREAMLIT_SERVER_HEADLESS": "true", "STREAMLIT_SERVER_ADDRESS": "127.0.0.1"}
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    ) as app:
        try:
            began = time.monotonic()
            while not answers(port):
                assert app.poll() is None, app.stdout.read().decode() if app.stdout else ""
                assert time.monotonic() - began < 600
                time.sleep(0.1)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(app.pid, signal.SIGKILL)  # a Streamlit that has only just started may not heed SIGTERM


def answers(port: int) -> bool:
    with suppress(OSError), urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5) as response:
        return bool(response.status == 200)
    return False


def test_overview_of_the_commands_is_the_parsers() -> None:
    """README's block of commands names each of them, and every option of `screen`."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```\n(screen PATH….*?)^```", text, re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"--[\w-]+", block)) == options_of("screen")
    names = {line.split("   ")[0].split("  ")[0] for line in block.splitlines() if line[0] not in " ["}
    listed = {word for line in names for word in re.findall(r"[a-z]+", line.split(" PATH")[0])}
    assert listed == set(cli.COMMANDS)


def options_of(command: str) -> set[str]:
    (subparsers,) = [a for a in cli._parser()._actions if isinstance(a, argparse._SubParsersAction)]
    actions = subparsers.choices[command]._actions
    return {option for action in actions for option in action.option_strings} - {"-h", "--help"}


@pytest.mark.parametrize(("package", "file"), [(errors.TRAIN_PACKAGE, "train"), (errors.XRV_PACKAGE, "xrv")])
def test_messages_name_the_extras_as_the_lists_do(package: str, file: str) -> None:
    listed = (REPOSITORY / f"requirements-{file}.txt").read_text().splitlines()
    assert shlex.split(package) == [line.partition("#")[0].strip() for line in listed if not line.startswith("#")]

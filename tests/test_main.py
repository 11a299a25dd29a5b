"""A Python that cannot run PulmoScan is told so in a sentence."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pulmoscan.__main__ as start
from pulmoscan import cli, settings
from pulmoscan.cli import models
from pulmoscan.errors import LibraryMissing
from pulmoscan.models import registry


@pytest.mark.parametrize("arguments", [("models",), ("--help",), ("screen", "one.png")])
def test_python_without_the_libraries(arguments: tuple[str, ...]) -> None:
    """As `python -m pulmoscan` in a checkout, outside of the virtual environment; -S leaves site-packages out."""
    command = [sys.executable, "-S", "-m", "pulmoscan", *arguments]
    result = subprocess.run(command, cwd=settings.REPOSITORY, capture_output=True, text=True, timeout=300, check=False)
    if "--help" not in arguments:
        assert result.returncode == 1
        assert result.stderr.startswith("pulmoscan: The library ")
        assert "`make app`" in result.stderr
        assert len(result.stderr.splitlines()) == 1
    assert "Traceback" not in result.stderr


def test_python_that_is_too_old(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))
    assert start.main() == 1
    said = capsys.readouterr().err
    assert "needs Python 3.10 or newer" in said
    assert "is 3.9." in said


@pytest.mark.parametrize("file", ["__init__.py", "__main__.py"])
def test_old_pythons_can_read_what_says_so(file: str) -> None:
    ast.parse((settings.PACKAGE / file).read_text(encoding="utf-8"), feature_version=(3, 6))


def test_library_that_a_command_imports_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pulmoscan.training.evaluation.model_cards", None)
    monkeypatch.delenv("PULMOSCAN_DEBUG", raising=False)
    assert cli.main(["cards"]) == 1
    assert "unexpected ModuleNotFoundError" in capsys.readouterr().err  # a fault of ours is not the set-up's

    def without(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'albumentations'", name="albumentations")

    monkeypatch.setattr(registry, "MODELS", {})
    monkeypatch.setattr(models, "run", without)
    assert cli.main(["models"]) == 1
    assert "pip install" in capsys.readouterr().err


def test_the_mend_is_for_who_reads_it() -> None:
    python = "/usr/bin/python3"
    assert ".venv/bin/python -m pulmoscan" in str(LibraryMissing("numpy", python, Path(".venv/bin/python"), False))
    assert "Run `make app` once" in str(LibraryMissing("numpy", python, None, False))
    assert f"{python} -m pip install" in str(LibraryMissing("numpy", python, None, True))
    assert '"pulmoscan[hospital]"' in str(LibraryMissing("pynetdicom", python, None, True))
    assert "-r requirements-hospital.txt" in str(LibraryMissing("fastapi", python, None, False))
    assert "albumentations>=2" in str(LibraryMissing("albumentations", python, None, True))

from __future__ import annotations

import os

import pytest
import torch

from pulmoscan.cli import main
from pulmoscan.errors import InvalidSetting, RuntimeNotInstalled
from pulmoscan.runtime import environment
from pulmoscan.runtime.environment import Settings, installed, settings, threads

VARIABLES = ("PULMOSCAN_RUNTIME", "PULMOSCAN_PRECISION", "PULMOSCAN_THREADS", "OMP_NUM_THREADS")


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.skipif(torch.cuda.is_available() or torch.backends.mps.is_available(), reason="a GPU goes first")
def test_openvino_is_the_default_on_a_cpu() -> None:
    found = settings()
    assert (found.runtime, found.precision, found.chosen) == ("openvino", "auto", False)


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ({"cuda", "openvino", "torch"}, "cuda"),
        ({"mps", "openvino", "torch"}, "mps"),
        ({"openvino", "onnxruntime", "torch"}, "openvino"),
        ({"onnxruntime", "torch"}, "onnxruntime"),
        ({"torch"}, "torch"),
    ],
)
def test_the_quickest_installed(there: set[str], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "installed", there.__contains__)
    assert settings().runtime == expected


@pytest.mark.parametrize("named", ["torch", "OpenVINO", " onnxruntime "])
def test_named_by_the_user(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULMOSCAN_RUNTIME", named)
    found = settings()
    assert (found.runtime, found.chosen) == (named.strip().lower(), True)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PULMOSCAN_RUNTIME", "tensorrt"),
        ("PULMOSCAN_PRECISION", "int8"),
        ("PULMOSCAN_THREADS", "0"),
        ("PULMOSCAN_THREADS", "many"),
        ("PULMOSCAN_THREADS", "-1"),
    ],
)
def test_what_cannot_be(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidSetting, match=rf"{variable} is “{value}”\. Set it to .*, or unset it"):
        settings()


def test_reduced_precision_needs_a_runtime_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULMOSCAN_PRECISION", "bfloat16")
    monkeypatch.setenv("PULMOSCAN_RUNTIME", "openvino")
    assert settings().precision == "bfloat16"
    monkeypatch.setenv("PULMOSCAN_RUNTIME", "torch")
    with pytest.raises(InvalidSetting, match="runtime torch"):
        settings()


def test_asked_for_but_not_installed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(environment, "installed", {"torch"}.__contains__)
    monkeypatch.setenv("PULMOSCAN_RUNTIME", "openvino")
    with pytest.raises(RuntimeNotInstalled, match="pip install openvino"):
        settings()
    assert main(["screen", "nothing.png"]) == 1
    assert "PULMOSCAN_RUNTIME" in capsys.readouterr().err


def test_installed_asks_for_every_package(monkeypatch: pytest.MonkeyPatch) -> None:
    assert installed("torch")
    monkeypatch.setattr(environment, "find_spec", lambda package: None if package == "onnx" else object())
    assert not installed("onnxruntime")
    assert installed("openvino")


@pytest.mark.parametrize(
    ("own", "openmp", "expected"),
    [("3", "1", 3), ("", "1", 1), ("", "4,2", 4), ("", "no number", None), ("", "", None)],
)
def test_threads(own: str, openmp: str, expected: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULMOSCAN_THREADS", own)
    monkeypatch.setenv("OMP_NUM_THREADS", openmp)
    assert threads() == (expected or len(os.sched_getaffinity(0)))


def test_settings_can_be_compared() -> None:
    """They are part of the key that loaded models are found by."""
    assert Settings("torch") == Settings("torch")
    assert len({Settings("torch"), Settings("torch", threads=2)}) == 2

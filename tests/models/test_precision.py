from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from pulmoscan.models.card import add_evidence, read_card
from pulmoscan.models.loading import load_classifier
from pulmoscan.models.precision import MEASURED, auc_name, changed_name, holds_in_bfloat16
from pulmoscan.models.registry import get_spec
from pulmoscan.population import POPULATIONS
from pulmoscan.reading.radiograph import Radiograph
from pulmoscan.runtime import bfloat16, environment
from pulmoscan.screening import read
from pulmoscan.statistics.metrics import Estimate


def evidence(changed: float = 0.002, auc: float = 0.97049) -> dict[str, Estimate]:
    """In both populations, with an AUC of 0.9701 in float32."""
    found: dict[str, Estimate] = {}
    for p in POPULATIONS:
        found[changed_name(p)] = Estimate(changed, 0, 0.01, 500)
        found[auc_name(p, "float32")] = Estimate(0.9701, 0.96, 0.98, 500)
        found[auc_name(p, "bfloat16")] = Estimate(auc, 0.96, 0.98, 500)
    return found


def without(figures: Mapping[str, Estimate], population: str) -> dict[str, Estimate]:
    return {name: figure for name, figure in figures.items() if not name.startswith(population)}


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        (evidence(), True),
        (evidence(changed=0.0021), False),
        (evidence(auc=0.9712), False),
        (without(evidence(), "adult"), False),
        ({}, False),
    ],
    ids=["measured", "too many decisions", "another AUC", "children alone", "nothing"],
)
def test_holds_where_the_card_says_so(figures: dict[str, Estimate], expected: bool, models: Path) -> None:
    assert models.is_dir()
    card = read_card(get_spec("resnet18"))
    assert holds_in_bfloat16(dataclasses.replace(card, evidence={MEASURED: figures})) is expected
    assert holds_in_bfloat16(card) is False


@pytest.mark.parametrize(
    ("computes", "measured", "asked", "expected"),
    [
        (True, True, "", "bfloat16"),
        (True, False, "", "float32"),
        (False, True, "", "float32"),
        (True, True, "float32", "float32"),
        (True, False, "bfloat16", "bfloat16"),
    ],
)
def test_default_precision(
    computes: bool,
    measured: bool,
    asked: str,
    expected: str,
    models: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    radiographs: list[Radiograph],
) -> None:
    """bfloat16 where the processor computes in it and the card says that it was measured; the reading names it."""
    shutil.copytree(models, tmp_path / "weights")
    monkeypatch.setenv("PULMOSCAN_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("PULMOSCAN_RUNTIME", "openvino")
    monkeypatch.setenv("PULMOSCAN_PRECISION", asked)
    monkeypatch.setattr(environment, "computes_in_bfloat16", lambda: computes)
    if measured:
        add_evidence(get_spec("resnet18"), MEASURED, evidence())
    assert load_classifier("resnet18").settings.precision == expected
    assert read(radiographs[0], "resnet18").precision == expected


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ("model name\t: AMD EPYC 9654\nflags\t\t: fpu avx512f avx512_bf16 sse\n", True),
        ("flags\t\t: fpu avx512f amx_bf16 amx_tile\n", True),
        ("Features\t: fp asimd bf16 i8mm\n", True),
        ("model name\t: avx512_bf16\nflags\t\t: fpu avx512f avx2\n", False),
        ("", False),
    ],
)
def test_processors(info: str, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cpuinfo").write_text(info)
    monkeypatch.setattr(bfloat16, "CPU_INFO", tmp_path / "cpuinfo")
    assert bfloat16.computes_in_bfloat16.__wrapped__() is expected
    monkeypatch.setattr(bfloat16, "CPU_INFO", tmp_path / "none")
    assert bfloat16.computes_in_bfloat16.__wrapped__() is False

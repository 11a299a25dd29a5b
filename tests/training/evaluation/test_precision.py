from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pulmoscan.errors import DatasetError
from pulmoscan.models.networks import Network
from pulmoscan.models.precision import auc_name, changed_name
from pulmoscan.population import POPULATIONS
from pulmoscan.training.evaluation import precision
from pulmoscan.training.evaluation.precision import describe, emulation, precision_parity
from tests.training.made_up import make_kermany, make_nih

pytestmark = pytest.mark.usefixtures("models")


@pytest.fixture
def data(tmp_path: Path) -> list[Path]:
    """Children and adults, in both classes."""
    return [make_kermany(tmp_path / "children", train=4), make_nih(tmp_path / "adults")]


def test_emulation_rounds_and_little_more(models: Path, random_networks: dict[str, Network]) -> None:
    """It is not float32, and no further from it than the eight bits of bfloat16's significand let it be."""
    x = np.random.default_rng(0).standard_normal((2, 3, 224, 224)).astype(np.float32)
    found = emulation("resnet18", (models / "resnet18.safetensors").read_bytes())(x)
    with torch.no_grad():
        exact = random_networks["resnet18"](torch.from_numpy(x)).numpy()
    assert found.dtype == np.float32
    assert 0 < np.abs(found - exact).max() < 0.1
    np.testing.assert_array_equal(found, torch.from_numpy(found).bfloat16().float())


def test_both_precisions_on_every_radiograph(data: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "computes_in_bfloat16", lambda: False)
    monkeypatch.setattr(precision, "emulation", lambda *_: lambda x: np.full(len(x), 9.0, np.float32))
    result = precision_parity("resnet18", data, "train")
    assert result.emulated
    for population in POPULATIONS:
        assert result.figures[auc_name(population, "bfloat16")].estimate == 0.5
        assert result.figures[changed_name(population)].n > 0
    said = describe("resnet18", "train", result)
    assert "emulated" in said
    assert "child, changed decisions" in said


def test_a_population_that_is_missing_is_said(data: list[Path]) -> None:
    with pytest.raises(DatasetError, match="adult"):
        precision_parity("resnet18", data[:1], "train")

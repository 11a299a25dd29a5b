"""The README's figures are the ones that the cards in `weights/` hold."""

from pathlib import Path

import pytest

from pulmoscan.export.figures import markdown_table
from pulmoscan.models.registry import MODELS

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.weights
def test_readme_shows_the_measured_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULMOSCAN_WEIGHTS", raising=False)
    table = markdown_table(MODELS.values())
    assert table.count("\n") >= 1 + 2 * len(MODELS), "every model is measured on both populations"
    assert table in (ROOT / "README.md").read_text(), "paste what `python -m pulmoscan models --markdown` prints"

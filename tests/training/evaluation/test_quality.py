"""What `quality` prints: every warning and every reproduction, of radiographs that are made up."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pulmoscan.cli import main
from pulmoscan.errors import DatasetError
from pulmoscan.training.evaluation import reproductions
from pulmoscan.training.evaluation.quality import DEGRADATIONS, MEASURES, ORIGINALS, sources
from pulmoscan.training.evaluation.reproductions import KINDS
from tests.training.made_up import make_kermany, make_nih


def test_larger_originals_are_a_source_of_their_own_and_stand_in_for_their_copies(tmp_path: Path) -> None:
    data = [make_kermany(tmp_path / "kermany", 1, 2), make_nih(tmp_path / "nih")]
    found = sources(data, "validation")
    assert {name: len(paths) for name, paths in found.items()} == {"children (Kermany)": 4, "adults (NIH)": 4}
    found = sources(data, "train")
    originals = found["children (Kermany)" + ORIGINALS]
    assert [path.name for path in originals] == [path.name for path in found["children (Kermany)"]]
    in_turn = reproductions._in_turn(found)
    assert {*in_turn} == {*originals, *found["adults (NIH)"]}
    assert [path in originals for path in in_turn[:4]] == [True, False, True, False]
    with pytest.raises(DatasetError, match="no radiograph in the test split"):
        sources(data[1:], "test")


def test_the_command_prints_them_all(tmp_path: Path, models: Path, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: ARG001
    folder = make_kermany(tmp_path / "kermany", 1, 1)
    assert main(["quality", "--data", str(folder), "--each", "1"]) == 0
    out = capsys.readouterr().out
    rates = r" +\d+\.\d % \(\d+\.\d to \d+\.\d, n = (\d+)\)"
    for name in (*MEASURES, *DEGRADATIONS):
        assert re.search(rf"^  {re.escape(name)}{rates}", out, re.MULTILINE), name
    for kind, (what, *_) in KINDS.items():
        found = re.search(rf"^  {kind} +{what}{rates}", out, re.MULTILINE)
        assert found, kind
        assert found[1] == "1"
    assert len(re.findall(rf"as they are +(?:refused|warned of)[\w ]*{rates}", out)) == 2

"""The labels of a dataset as a table that `accept` takes."""

from pathlib import Path

import pytest

from pulmoscan.site.labels import read_labels
from tests.training.made_up import make_kermany, make_rsna
from tools import site_labels


def test_children(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_kermany(tmp_path / "kermany")
    assert site_labels.main([str(folder)]) == 0
    table = read_labels(capsys.readouterr().out.encode())
    assert not table.faults
    assert sorted(label.label for label in table.labels) == [0, 1]
    assert all((folder / label.file).is_file() for label in table.labels)


def test_adults_with_boxes_and_sex(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_rsna(tmp_path / "rsna", [("00000001", "test"), ("00000002", "test"), ("00000003", "train")])
    site_labels.main([str(folder)])
    table = read_labels(capsys.readouterr().out.encode())
    assert [(label.label, label.age, label.sex) for label in table.labels] == [(0, 40, "male"), (1, 40, "male")]
    assert table.labels[1].boxes

"""`screen` says what it did not look at."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pulmoscan import cli
from pulmoscan.cli.screen import tell_passed_over
from pulmoscan.reading.listing import PassedOver


@pytest.mark.usefixtures("models")
def test_what_is_passed_over_is_listed_and_stops_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (300, 260), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.jfif", "JPEG")
    (tmp_path / "notes.txt").write_text("Dear colleague")
    (tmp_path / "@eaDir").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "b.png")
    code = cli.main(["screen", str(tmp_path), "--model", "resnet18", "--format", "json"])
    said = capsys.readouterr()
    (row,) = map(json.loads, said.out.splitlines())
    assert (code, row["status"]) == (0, "ok")
    told = [line for line in said.err.splitlines() if line.startswith("Passed over ")]
    assert len(told) == (3 if hasattr(os, "mkfifo") else 2)
    assert f"Passed over {tmp_path / 'notes.txt'}: none of DICOM, PNG, JPEG, TIFF, BMP, WebP." in told


def test_a_name_stays_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    tell_passed_over([PassedOver("a\nPassed over b\x1b[2J", "empty")], anonymous=False)
    assert capsys.readouterr().err == "Passed over a\\nPassed over b\\x1b[2J: empty.\n"


def test_an_anonymous_run_counts_and_names_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    tell_passed_over([PassedOver("DOE/a.txt", "empty"), PassedOver("DOE/b.txt", "empty")], anonymous=True)
    assert capsys.readouterr().err == "Passed over 2 of: empty.\n"

"""Results files to resume that are damaged, found by fuzzing."""

from __future__ import annotations

import json
from pathlib import Path

from pulmoscan.batch import resume


def test_a_line_that_nests_too_deeply_counts_as_damaged(tmp_path: Path) -> None:
    good = json.dumps({"file": "a.png", "status": "ok", "model": "resnet18"})
    path = tmp_path / "results.jsonl"
    path.write_text(f'{good}\n{{"file": {"[" * 100_000}\n')
    assert len(resume.finished(path, "resnet18")) == 1

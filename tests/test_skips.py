"""The rule that nothing is skipped quietly."""

from __future__ import annotations

from tests.skips import unwanted


def test_a_skip_needs_a_listed_reason() -> None:
    skipped = {
        "a.py::gpu": "Skipped: no cuda device",
        "b.py::tool": "Skipped: dcmtk is not installed",
        "c.py::data": "Skipped: the datasets are not in ../shared/data",
    }
    assert [line.split("::")[0] for line in unwanted(skipped)] == ["b.py", "c.py"]

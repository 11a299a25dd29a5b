"""Both ways of each comparison are measured, and the guards are truly off where they should be."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import safety
from benchmarks.safety import Cost
from pulmoscan.reading.isolation import load_apart
from pulmoscan.screening import load_model


def test_what_isolation_costs(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    ways: Counter[str] = Counter()

    def noted(data: bytes) -> object:
        ways[os.environ.get("PULMOSCAN_DECODING", "")] += 1
        return load_apart(data)

    monkeypatch.setattr(safety, "load_apart", noted)
    files = safety.made("PNG", 256, 2)
    assert len(set(files)) == 2
    found = safety.isolation(load_model("resnet18"), files, rounds=2)
    assert ways == {"here": 6, "": 6}, "two files, two rounds and one to warm up"
    for cost in found:
        assert len(cost.without) == len(cost.with_it) == 2
        assert all(seconds[0] > 0 for seconds in (*cost.without, *cost.with_it))
    row = safety.describe({"PNG": found}).splitlines()[-1]
    assert re.fullmatch(r"\| PNG \| \d+ / \d+ (\| -?\d+ \(-?\d+ to -?\d+\) ){2}\| \d+, \d+ \|", row), row


def test_what_syncing_costs(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    cost, megabytes = safety.syncing(load_model("resnet18"), 1, 1, tmp_path)
    assert len(synced) == 2 * 5, "three files, the journal and the folder; a round and one to warm up"
    assert len(cost.without) == len(cost.with_it) == 1
    assert megabytes > 0
    assert not list(tmp_path.iterdir())


def test_more_is_the_median_of_the_rounds_ratios() -> None:
    cost = Cost([(1.0, 2.0), (1.0, 2.0), (2.0, 4.0)], [(1.1, 2.0), (1.5, 2.2), (2.0, 5.0)])
    assert cost.more(0) == pytest.approx((10, 0, 50))
    assert cost.more(1) == pytest.approx((10, 0, 25))
    assert cost.milliseconds("without", 1) == 2000

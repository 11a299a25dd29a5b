from __future__ import annotations

import time

import numpy as np
import pytest

from benchmarks.memory import libraries_alone, processor_seconds, resident_megabytes


@pytest.mark.machine
def test_what_is_allocated_is_seen() -> None:
    before = resident_megabytes()
    if np.isnan(before):
        pytest.skip("this system does not say what a process holds")
    held = np.ones(100_000_000, dtype=np.uint8)
    assert resident_megabytes() - before == pytest.approx(held.nbytes / 1e6, rel=0.1)
    assert libraries_alone() > 50


def test_processor_time_is_counted() -> None:
    before = processor_seconds("self")
    if np.isnan(before):
        pytest.skip("this system does not say what a process has used")
    began = time.process_time()
    while time.process_time() - began < 0.3:
        pass
    assert processor_seconds("self") - before == pytest.approx(time.process_time() - began, abs=0.1)

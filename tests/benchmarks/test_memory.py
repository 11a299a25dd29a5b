from __future__ import annotations

import numpy as np
import pytest

from benchmarks.memory import libraries_alone, resident_megabytes


@pytest.mark.machine
def test_what_is_allocated_is_seen() -> None:
    before = resident_megabytes()
    if np.isnan(before):
        pytest.skip("this system does not say what a process holds")
    held = np.ones(100_000_000, dtype=np.uint8)
    assert resident_megabytes() - before == pytest.approx(held.nbytes / 1e6, rel=0.1)
    assert libraries_alone() > 100

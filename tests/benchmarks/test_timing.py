from __future__ import annotations

import time

import pytest

from benchmarks import timing
from benchmarks.timing import Stopwatch, Times, interleave


def test_ways_take_turns_and_warm_up_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "PAUSE", 0)
    calls: list[str] = []
    ticks: list[int] = []

    def staged(watch: Stopwatch) -> None:
        calls.append("b")
        time.sleep(0.002)
        watch.lap("first")
        watch.lap("second")

    ways = {"a": lambda _: calls.append("a"), "b": staged}
    times = interleave(ways, rounds=3, warm_up=2, tick=lambda: ticks.append(1))
    assert calls == ["a", "b"] * 5
    assert len(ticks) == 5
    assert {name: len(t.milliseconds) for name, t in times.items()} == {"a": 3, "b": 3, "first": 3, "second": 3}
    for whole, first, second in zip(*(times[n].milliseconds for n in ("b", "first", "second")), strict=True):
        assert first >= 2
        assert whole >= first + second


@pytest.mark.machine
def test_processor_time_leaves_waiting_out() -> None:
    def waits(_: Stopwatch) -> None:
        time.sleep(0.05)

    (wall, processor) = (interleave({"a": waits}, 2, 0, clock=c)["a"].median for c in ("wall", "processor"))
    assert processor < 25 < 50 <= wall


def test_median_and_p95() -> None:
    times = Times([float(i) for i in range(101)])
    assert (times.median, times.p95) == (50, 95)

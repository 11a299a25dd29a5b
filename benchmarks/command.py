"""`screen` of one file from the shell, as a user waits for it, against another checkout of PulmoScan."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.memory import ROOT
from pulmoscan.errors import PulmoScanError
from pulmoscan.gallery.samples import gallery

HERE, THERE = "this checkout", "the other"


class CheckoutFailed(PulmoScanError):
    def __init__(self, checkout: Path, said: str) -> None:
        super().__init__(
            f"`screen` of the checkout {checkout} fails: {said} An older one may need libraries that are no longer "
            "installed: see docs/performance.md."
        )


@dataclass(frozen=True)
class CommandTimes:
    """Of one checkout, [N] each: seconds that passed, and those of processor time, which other work hardly changes."""

    wall: list[float]
    processor: list[float]


def measure(rounds: int, against: Path | None, tick: Callable[[], object]) -> dict[str, CommandTimes]:
    """Screen the same file by both checkouts in turn, each with a warm cache.

    Args:
        against: the root of the other checkout; without it this one is timed alone.

    Raises:
        CheckoutFailed: the command ends with an error.
    """
    checkouts = {HERE: ROOT, **({THERE: against} if against else {})}
    times = {name: CommandTimes([], []) for name in checkouts}
    for number in range(1 + rounds):
        for name, checkout in checkouts.items():
            wall, processor = _screen(checkout)
            if number:  # the first round compiles
                times[name].wall.append(wall)
                times[name].processor.append(processor)
        tick()
    return times


def ratio(times: dict[str, CommandTimes], clock: str) -> float:
    """Median over the rounds of this checkout's time as a share of the other's; NaN without another."""
    if THERE not in times:
        return float("nan")
    here, there = (np.array(getattr(times[name], clock)) for name in (HERE, THERE))
    return float(np.median(here / there))


def _screen(checkout: Path) -> tuple[float, float]:
    """Wall and processor seconds of one command."""
    command = [sys.executable, "-m", "pulmoscan", "screen", str(gallery()[0].path), "--format", "json"]
    before, began = os.times(), time.perf_counter()
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CheckoutFailed(checkout, (done.stderr.splitlines() or [f"exit code {done.returncode}"])[-1])
    after, ended = os.times(), time.perf_counter()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return ended - began, used

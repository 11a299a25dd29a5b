"""What the order of the worklist does to waiting, on simulated days that are nearly full.

    python -m benchmarks.worklist --limit 60

Studies come at random, one reader reads them one after the other. Compared are first come first served, the order by
priority alone, and with a limit on the longest wait; each on the same days.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

from pulmoscan.hospital.worklist import Entry, ordered

STUDIES, BETWEEN, READING = 300, 6.0, 5.8
"""A day's studies, the mean minutes between two of them, and a reader's minutes for one."""
SUSPECTED_FROM = 0.3
FIRST_COME, BY_PRIORITY = 0.0, 1e9
"""Limits in minutes that give first come first served, and no limit."""


@dataclass(frozen=True)
class Waits:
    """Minutes of one day: the longest wait of all studies, and the mean one of the suspected."""

    longest: float
    suspected: float


def day(limit: float, seed: int) -> Waits:
    """One simulated day; the same studies for the same seed, whatever the limit in minutes."""
    rng = np.random.default_rng(seed)
    arrivals = np.cumsum(rng.exponential(BETWEEN, STUDIES)).tolist()
    probabilities = rng.beta(1, 4, STUDIES).tolist()
    incoming = [
        Entry(str(number), since, 1, probability, SUSPECTED_FROM, probability > SUSPECTED_FROM, "", str(number), "", "")
        for number, (since, probability) in enumerate(zip(arrivals, probabilities, strict=True))
    ]
    waiting: list[Entry] = []
    clock = 0.0
    waited: dict[bool, list[float]] = {True: [], False: []}
    while incoming or waiting:
        while incoming and incoming[0].since <= clock:
            waiting.append(incoming.pop(0))
        if not waiting:
            clock = incoming[0].since
            continue
        entry = ordered(waiting, clock, limit)[0]
        waiting.remove(entry)
        waited[entry.suspected].append(clock - entry.since)
        clock += READING
    return Waits(max(waited[True] + waited[False]), float(np.mean(waited[True])))


def mean(limit: float, days: int) -> Waits:
    """Over so many days."""
    found = [day(limit, seed) for seed in range(days)]
    return Waits(*(float(np.mean([getattr(waits, name) for waits in found])) for name in ("longest", "suspected")))


def table(limit: float, days: int) -> str:
    """In Markdown, as docs/hospital.md has it."""
    lines = [
        f"| minutes, {days} days of {STUDIES} studies | longest wait | mean wait of the suspected |",
        "|---|---|---|",
    ]
    ways = {
        "first come first served": FIRST_COME,
        "by priority alone": BY_PRIORITY,
        f"with a limit of {limit:g}": limit,
    }
    for name, minutes in ways.items():
        waits = mean(minutes, days)
        lines.append(f"| {name} | {waits.longest:.0f} | {waits.suspected:.0f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--limit", type=float, default=60.0, help="on the longest wait, in minutes")
    parser.add_argument("--days", type=int, default=10)
    options = parser.parse_args()
    print(f"The reader is busy {READING / BETWEEN:.0%} of the time.\n\n{table(options.limit, options.days)}")


if __name__ == "__main__":
    main()

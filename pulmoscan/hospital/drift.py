"""The queue's record, week by week, against the site's own first radiographs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone

from pulmoscan.hospital.queue import Queue
from pulmoscan.statistics.drift import Change, compare

BASELINE = 500
"""Screened radiographs, the first ones and the rest of their last week, that later weeks are compared with."""
REFUSED = "refused"


@dataclass(frozen=True)
class Week:
    """One week's changes.

    Attributes:
        name: by ISO 8601, `2026-W48`.
        screened: radiographs.
    """

    name: str
    screened: int
    changes: tuple[Change, ...]

    @property
    def alarms(self) -> list[str]:
        """A sentence on each measure that has drifted."""
        return [
            f"Week {self.name}: “{c.measure}” has drifted from the site's baseline (p = {c.p:.1g}, "
            f"PSI = {c.psi:.2f}, n = {c.cases})."
            for c in self.changes
            if c.alarm
        ]


def weeks(queue: Queue, now: float | None = None, baseline: int = BASELINE) -> Iterator[Week]:
    """Each whole week after the baseline is complete; scores, refusals, and how radiographs were made."""
    rows = queue.rows(
        "SELECT state, probability, traits, done FROM instance WHERE state IN ('screened', 'refused') ORDER BY done"
    )
    by_week: dict[str, dict[str, list[object]]] = {}
    first: dict[str, list[object]] = {}
    this = _name(time.time() if now is None else now)
    count, last = 0, ""
    for row in rows:
        name = _name(row["done"])
        if count < baseline or name == last:  # the baseline's last week is part of it as a whole
            target, last = first, name
        else:
            target = by_week.setdefault(name, {})
        count += row["state"] == "screened"
        target.setdefault("gate", []).append("let through" if row["state"] == "screened" else REFUSED)
        if row["state"] == "screened":
            target.setdefault("score", []).append(float(row["probability"]))
            for trait, value in json.loads(row["traits"] or "{}").items():
                target.setdefault(trait, []).append(str(value))
    for name, week in by_week.items():
        if name != this:
            yield Week(name, len(week.get("score", [])), tuple(compare(first, week)))  # type: ignore[arg-type]


def _name(moment: float) -> str:
    year, week, _ = datetime.fromtimestamp(moment, timezone.utc).isocalendar()
    return f"{year}-W{week:02d}"

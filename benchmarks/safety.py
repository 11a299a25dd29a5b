"""What guarding against hostile files and lost results costs: decoders in another process, and syncing to the disk.

    python -m benchmarks.safety --rounds 7

Both ways of each comparison take turns, round after round, so that other work hits both alike; figures are medians of
the rounds. Processor time is this process's and its decoding process's. --folder names the disk that is written to.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
from PIL import Image

from benchmarks.memory import processor_seconds, resident_megabytes
from benchmarks.timing import load_average, processor
from pulmoscan import DISCLAIMER
from pulmoscan.batch.outcomes import screen_items
from pulmoscan.examination.examine import lung_weights
from pulmoscan.export.content import Report
from pulmoscan.export.files import OutputFolder
from pulmoscan.export.formats import FORMATS, FormatName, write_report
from pulmoscan.gallery.samples import gallery
from pulmoscan.models.registry import MODELS
from pulmoscan.reading.intake import Item
from pulmoscan.reading.isolation import load_apart
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.runtime import settings
from pulmoscan.screening import Model, load_model, screen

KINDS: Mapping[str, tuple[str, int]] = {
    "PNG, 1,024²": ("PNG", 1024),
    "PNG, 2,048²": ("PNG", 2048),
    "JPEG, 2,048²": ("JPEG", 2048),
}
"""Format, and pixels a side."""
REPORTS: tuple[FormatName, ...] = ("png", "pdf", "json")
"""What is written for each radiograph whose syncing is timed."""


@dataclass
class Cost:
    """Seconds of one radiograph, without the guard and with it, a value a round: of the clock, and of the processor."""

    without: list[tuple[float, float]] = field(default_factory=list)
    with_it: list[tuple[float, float]] = field(default_factory=list)

    def milliseconds(self, way: str, clock: int) -> float:
        """Median over the rounds.

        Args:
            way: `without` or `with_it`.
            clock: 0 for the clock, 1 for the processor.
        """
        return 1000 * float(np.median([seconds[clock] for seconds in getattr(self, way)]))

    def more(self, clock: int) -> tuple[float, float, float]:
        """In percent of what it takes without: median, least and most of the rounds' own ratios."""
        pairs = zip(self.without, self.with_it, strict=True)
        percent = [100 * (guarded[clock] / plain[clock] - 1) for plain, guarded in pairs]
        return float(np.median(percent)), min(percent), max(percent)


def isolation(model: Model, files: Sequence[bytes], rounds: int) -> tuple[Cost, Cost]:
    """Of decoding the files in another process: of a whole screening of each, and of decoding it alone."""
    items = [Item(f"{number}.file", partial(bytes, data)) for number, data in enumerate(files)]

    def decode() -> None:
        for data in files:
            load_apart(data)

    def screened() -> None:
        if any(outcome.status != "ok" for outcome in screen_items(items, model, "child", override=True)):
            raise RuntimeError("A file of the benchmark's own cannot be screened.")

    whole, decoding = Cost(), Cost()
    for number in range(-1, rounds):  # the first round warms up
        for cost, work in ((whole, screened), (decoding, decode)):
            for way, kept in (("here", cost.without), ("", cost.with_it)):
                with patch.dict(os.environ, PULMOSCAN_DECODING=way):
                    seconds = _timed(work, len(files))
                kept.extend([seconds] if number >= 0 else [])
    return whole, decoding


def syncing(model: Model, count: int, rounds: int, place: Path) -> tuple[Cost, float]:
    """Of syncing what is written for a radiograph, as a batch writes it; and its megabytes."""
    radiograph = load_radiograph(made("PNG", 1024, 1)[0])
    report = Report(radiograph, screen(radiograph, model, "child", override=True))
    parts = {FORMATS[name].ending: write_report(report, name) for name in REPORTS}

    def write(folder: Path) -> None:
        output = OutputFolder(folder, list(parts))
        for number in range(count):
            output.publish(f"radiograph-{number}", parts, str(number), None)
            output.settle()
        output.close()

    cost = Cost()
    for number in range(-1, rounds):
        for kept, ways in ((cost.without, _unsynced), (cost.with_it, _as_it_is)):
            with tempfile.TemporaryDirectory(dir=place) as folder, ways():
                seconds = _timed(partial(write, Path(folder)), count)
            kept.extend([seconds] if number >= 0 else [])
    return cost, sum(map(len, parts.values())) / 1e6


def made(file_format: str, side: int, count: int) -> list[bytes]:
    """Radiographs of the gallery at that size, with a detector's noise, each other bytes."""
    samples = [sample.path for sample in gallery()]
    files = []
    for number in range(count):
        image = Image.open(samples[number % len(samples)]).convert("L").resize((side, side), Image.Resampling.BICUBIC)
        noise = np.random.default_rng(number).normal(0, 2, (side, side))
        file = io.BytesIO()
        Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8)).save(file, file_format)
        files.append(file.getvalue())
    return files


def _timed(work: Callable[[], object], count: int) -> tuple[float, float]:
    """Seconds of the clock and of the processor for each of `count`."""
    processor, began = _processor(), time.perf_counter()
    work()
    return (time.perf_counter() - began) / count, (_processor() - processor) / count


def _processor() -> float:
    """This process's seconds and those of its children that live."""
    return time.process_time() + sum(map(processor_seconds, _children()))


def _children() -> list[str]:
    threads = Path("/proc/self/task").glob("*/children")
    return [child for thread in threads for child in thread.read_text(encoding="ascii").split()]


@contextmanager
def _unsynced() -> Iterator[None]:
    with patch("os.fsync", lambda _: None):
        yield


@contextmanager
def _as_it_is() -> Iterator[None]:
    yield


def describe(kinds: Mapping[str, tuple[Cost, Cost]]) -> str:
    """In Markdown: what isolation costs of a whole screening, and beside decoding alone."""
    lines = [
        "| a radiograph as | screening here, ms of clock / processor | more apart, % of clock | % of processor | "
        "decoding here, then apart, ms of processor |",
        "|---|---|---|---|---|",
    ]
    for name, (whole, decoding) in kinds.items():
        here, there = (decoding.milliseconds(way, 1) for way in ("without", "with_it"))
        screening = " / ".join(f"{whole.milliseconds('without', clock):.0f}" for clock in (0, 1))
        more = " | ".join("{:.0f} ({:.0f} to {:.0f})".format(*whole.more(clock)) for clock in (0, 1))
        lines.append(f"| {name} | {screening} | {more} | {here:.0f}, {there:.0f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="resnet18", choices=tuple(MODELS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--radiographs", type=int, default=8, help="of each kind, a round")
    parser.add_argument("--folder", type=Path, default=Path(), help="where is written what is synced")
    options = parser.parse_args()
    print(f"{processor()}, {settings().threads} threads{load_average()}")
    print(f"{options.model}, {options.rounds} rounds of {options.radiographs} radiographs\n")
    model = load_model(options.model)
    lung_weights()
    print(describe({
        name: isolation(model, made(*kind, options.radiographs), options.rounds) for name, kind in KINDS.items()
    }))  # fmt: skip
    held = max(map(resident_megabytes, _children()), default=float("nan"))
    print(f"\nIn parentheses the least and the most of the rounds. A decoding process holds {held:.0f} MB.\n")
    cost, megabytes = syncing(model, options.radiographs, options.rounds, options.folder)
    print(f"| {', '.join(REPORTS)} of a radiograph, {megabytes:.1f} MB | ms of clock | ms of processor |")
    print("|---|---|---|")
    for name, way in (("not synced", "without"), ("synced", "with_it")):
        print(f"| {name} | {cost.milliseconds(way, 0):.1f} | {cost.milliseconds(way, 1):.1f} |")
    print(f"\n{DISCLAIMER}")


if __name__ == "__main__":
    main()

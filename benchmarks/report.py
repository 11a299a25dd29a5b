"""The tables that `python -m pulmoscan benchmark` prints, in Markdown."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from tqdm import tqdm

from benchmarks import accuracy, command, load, memory, pipeline, reader, stages
from benchmarks.timing import Times, load_average, processor
from pulmoscan import DISCLAIMER
from pulmoscan.models.registry import DEFAULT_MODEL
from pulmoscan.training.data.datasets import Split

Result = TypeVar("Result")

PARTS = ("stages", "batches", "pipeline", "start", "command", "load")
"""What is measured unless something else is asked for; `accuracy` needs a dataset, `page` a browser."""

START_PAIRS = 5
"""Starts of the app, each beside one of an empty page."""

OVERSIZED = 3
"""Fewer rounds for the batches and the pipeline, whose every round takes seconds."""


def run(
    models: Sequence[str],
    rounds: int,
    parts: Sequence[str],
    data: Sequence[Path],
    split: Split,
    limit: int,
    clock: str = "wall",
    against: Path | None = None,
) -> None:
    """Measure and print the parts that were asked for.

    Args:
        parts: of `stages`, `batches`, `pipeline`, `start`, `command`, `load`, `page` and `accuracy`.
        limit: how many radiographs `accuracy` reads for each model.
        clock: a key of `timing.CLOCKS`, for `stages`, `batches` and `pipeline`.
        against: another checkout, for `command`.
    """
    how = stages.prepare()
    print(f"PulmoScan benchmark: {processor()}, {how.threads} threads, {how.runtime} {how.precision}")
    print(f"Python {platform.python_version()}, PyTorch {torch.__version__}, {clock} time{load_average()}\n")
    if "stages" in parts:
        for model in models:
            print(_stages(_with_bar(f"{model}: stages", rounds + 3, partial(stages.measure, model, rounds, clock))))
    if "batches" in parts:
        few = max(2, rounds // OVERSIZED)
        print("| model | PulmoScan | eager PyTorch, at its best batch size | ratio |\n|---|---|---|---|")
        for model in models:
            b = _with_bar(f"{model}: batches", few + 1, partial(stages.measure_batches, model, few, clock))
            best = f"{b.eager[b.best_size]:.1f} a second at {b.best_size}"
            print(f"| {b.model} | {b.ours:.1f} radiographs a second | {best} | {b.ratio:.2f} × |")
        print()
    if "pipeline" in parts:
        few = max(2, rounds // OVERSIZED)
        print(_pipeline(_with_bar("files", None, partial(pipeline.measure, DEFAULT_MODEL, few, clock))))
    if "start" in parts:
        print(_start(_with_bar("start", START_PAIRS + 1, _starts)))
    if "command" in parts:
        few = max(2, rounds // OVERSIZED)
        print(_command(_with_bar("command", few + 1, partial(command.measure, few, against))))
    if "load" in parts:
        print(_under_load(rounds))
    if "page" in parts:
        few = max(2, rounds // OVERSIZED)
        print(_page(_with_bar("page", few + 1, partial(reader.measure, few))))
    if "accuracy" in parts:
        print("| model | way | n | largest Δ probability | largest Δ heat | decisions changed | AUC |")
        print("|---|---|---|---|---|---|---|")
        for model in models:
            changes = _with_bar(model, None, partial(accuracy.measure, model, data, split, limit))
            for c in changes:
                aucs = ", ".join(f"{p} {before:.4f} → {after:.4f}" for p, (before, after) in c.auc.items())
                print(f"| {model} | {c.way} | {c.n} | {c.probability:.1e} | {c.heat:.1e} | {c.flipped} | {aucs} |")
        print()
    print(DISCLAIMER)


def _with_bar(what: str, total: int | None, measure: Callable[[Callable[[], object]], Result]) -> Result:
    with tqdm(total=total, desc=what, unit="round", disable=None, leave=False) as bar:
        return measure(bar.update)


def _stages(result: stages.StageTimes) -> str:
    """One row a way and a stage, the demos' way first."""
    lines = [
        f"**{result.model}**, {result.gigaflop:.2f} GFLOP, at {stages.DISPLAY_SIDE} × {stages.DISPLAY_SIDE} pixels",
        "",
        "| stage | median ms | p95 ms | times as fast as the demos' way | share of peak |",
        "|---|---|---|---|---|",
    ]
    parts = (stages.PREPARE, stages.FORWARD, stages.EVIDENCE, stages.HEATMAP, stages.OVERLAY)
    whole = (stages.DEMO, stages.OURS)
    others = [name for name in result.times if name not in (*parts, *whole, stages.PEAK)]
    for name in (*whole, *parts, *others):
        ratio = f"{result.ratio(name):.1f}" if name in whole else ""
        forward = name == stages.FORWARD or name in others
        share = f"{100 * result.share_of_peak(name):.0f} %" if forward else ""
        label = f"– {name}" if name in parts else name
        lines.append(_row(label, result.times[name], ratio, share))
    lines += [
        "",
        f"Evidence, heatmap and overlay add {100 * result.drawing_share:.0f} % to the forward pass. "
        f"The peak is {result.peak:.0f} GFLOP/s, by a float32 matrix product of side {stages.MATRIX_SIDE}.",
        "",
    ]
    return "\n".join(lines)


def _row(name: str, times: Times, *more: str) -> str:
    return f"| {name} | {times.median:.1f} | {times.p95:.1f} | {' | '.join(more)} |"


def _pipeline(measured: dict[str, dict[str, Times]]) -> str:
    stage_names = [name for name in next(iter(measured.values())) if name != "total"]
    lines = [
        f"| file, read by {DEFAULT_MODEL} | {' | '.join(stage_names)} | total |",
        "|---" * (len(stage_names) + 2) + "|",
    ]
    for file, times in measured.items():
        lines.append(f"| {file} | " + " | ".join(f"{times[s].median:.1f}" for s in (*stage_names, "total")) + " |")
    return "\n".join(["Milliseconds, median:", "", *lines, ""])


def _starts(tick: Callable[[], object]) -> list[tuple[load.ColdStart, load.ColdStart]]:
    """Pairs of a start of the app and one of an empty page; without the first, which warms the disk cache."""
    pairs = []
    for _ in range(START_PAIRS + 1):
        pairs.append((load.cold_start(), load.empty_start()))
        tick()
    return pairs[1:]


def _start(pairs: Sequence[tuple[load.ColdStart, load.ColdStart]]) -> str:
    ours, empty = zip(*pairs, strict=True)
    lines = ["| from the command | seconds | processor seconds | megabytes |", "|---|---|---|---|"]
    for name, starts in (
        ("`pulmoscan app` to the first result, then all models", ours),
        ("`streamlit run` to an empty page", empty),
    ):
        seconds, processor, held = (
            float(np.median([getattr(start, field) for start in starts]))
            for field in ("first_result", "processor", "resident_megabytes")
        )
        lines.append(f"| {name} | {seconds:.2f} | {processor:.2f} | {held:,.0f} |")
    wall, processor = (
        float(np.median([getattr(mine, field) / getattr(other, field) for mine, other in pairs]))
        for field in ("first_result", "processor")
    )
    second = float(np.median([start.second_model for start in ours]))
    lines += [
        "",
        f"Medians of {len(pairs)} pairs. The first result takes {wall:.2f} times as long as an empty page, and "
        f"{processor:.2f} times the processor time. A second model's first result takes {second:.2f} s. OpenVINO, "
        f"OpenCV and Streamlit alone hold {memory.libraries_alone():,.0f} MB.",
        "",
    ]
    return "\n".join(lines)


def _page(waits: reader.Waits) -> str:
    lines = ["| in the browser | median ms | p95 ms | times an empty page's opening | n |", "|---|---|---|---|---|"]
    for name, times in waits.times.items():
        lines.append(_row(name, times, f"{waits.ratio(name):.2f}", str(len(times.milliseconds))))
    cost = waits.processor
    lines += [
        "",
        f"The server spends {cost.median:.1f} ms of processor time on an event of the threshold (median of "
        f"{len(cost.milliseconds)} rounds of {len(reader.THRESHOLDS)} events).",
        "",
    ]
    return "\n".join(lines)


def _command(times: dict[str, command.CommandTimes]) -> str:
    lines = ["| `screen` of one file | seconds | processor seconds |", "|---|---|---|"]
    for name, t in times.items():
        lines.append(f"| {name} | {np.median(t.wall):.2f} | {np.median(t.processor):.2f} |")
    if command.THERE in times:
        wall, processor = (100 * command.ratio(times, clock) for clock in ("wall", "processor"))
        lines += [
            "",
            f"Medians of the ratios: {wall:.0f} % of the time, {processor:.0f} % of the processor time.",
        ]
    return "\n".join([*lines, ""])


def _under_load(rounds: int) -> str:
    """Visitors at once against visitors alone; then many screenings, for the memory."""
    lines = ["| visitors at once | uploads | median s | p95 s | drag, median ms | wrong | failed |", "|---" * 7 + "|"]
    with load.running_app() as server:
        expected = load.serial_answers(server, max(load.CROWDS))
        for visitors in load.CROWDS:
            result = load.visit(server, max(load.CROWDS), visitors, max(3, rounds // 10), expected)
            lines.append(_load_row(result))
        before = server.resident_megabytes
        crowd = max(load.CROWDS)
        many = load.visit(server, crowd, crowd, -(-load.SCREENINGS // crowd), expected)
        lines.append(_load_row(many))
        tenth = max(1, len(many.resident_megabytes) // 10)
        held = many.resident_megabytes
        early, late = (sum(part) / max(1, len(part)) for part in (held[:tenth], held[-tenth:]))
    lines += ["", f"Resident memory over {len(many.seconds):,} screenings: {before:,.0f} MB before, {early:,.0f} MB in "
              f"the first tenth, {late:,.0f} MB in the last."]  # fmt: skip
    for failure in many.failed[:5]:
        lines.append(f"- {failure}")
    return "\n".join([*lines, ""])


def _load_row(result: load.Load) -> str:
    uploads, drags = (
        Times([1000 * s for s in seconds] or [float("nan")]) for seconds in (result.seconds, result.drags)
    )
    return (
        f"| {result.visitors} | {len(result.seconds)} | {uploads.median / 1000:.2f} | {uploads.p95 / 1000:.2f} | "
        f"{drags.median:.0f} | {result.wrong} | {len(result.failed)} |"
    )

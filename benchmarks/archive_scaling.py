"""One worker against two, Ray against the plain loop, and the workers' memory: each in turn, in one run.

    python -m benchmarks.archive_scaling FOLDER --limit 1000 --model resnet18

Each way gets the same list of files, a fresh --out, and one thread a worker. Ray's start is timed apart.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from benchmarks.archive_faults import workers_of
from benchmarks.memory import processor_seconds, resident_megabytes
from pulmoscan.batch.archive import run as archive
from pulmoscan.batch.archive.manifest import RESULTS
from pulmoscan.batch.archive.processes import Processes, screener_of, variables
from pulmoscan.batch.archive.store import Store

ENDINGS = (".png", ".jpg", ".jpeg", ".dcm")
ONE_THREAD = {**os.environ, **variables(1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=1000)
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--repeat", type=int, default=1, help="how often each file is in the list, for the memory")
    parser.add_argument("--ways", nargs="+", default=["screen", "processes-1", "processes-2", "ray-1", "ray-2"])
    options = parser.parse_args()
    found = sorted(str(path.absolute()) for path in options.folder.rglob("*") if path.suffix in ENDINGS)
    files = found[: options.limit] * options.repeat
    print(f"{len(files)} files, {options.model}\n\n| way | seconds | files a second | cores busy | workers' MB |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for way in options.ways:
            took, busy, memory = (
                _screen(files, options.model)
                if way == "screen"
                else _archive(files, options.model, way, Path(folder, way))
            )
            print(f"| {way} | {took:.1f} | {len(files) / took:.1f} | {busy:.2f} | {memory} |", flush=True)


def _screen(files: list[str], model: str) -> tuple[float, float, str]:
    before, began = os.times(), time.perf_counter()
    command = [sys.executable, "-m", "pulmoscan", "screen", *files, "--model", model, "--format", "json"]
    subprocess.run(command, env=ONE_THREAD, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    took, after = time.perf_counter() - began, os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return took, used / took, ""


def _archive(files: list[str], model: str, way: str, folder: Path) -> tuple[float, float, str]:
    """Seconds from the first unit to the last; the workers have started by then, as in a long run."""
    engine, _, workers = way.partition("-")
    folder.mkdir()
    source = folder / "list.csv"
    source.write_text("path\n" + "".join(f"{file}\n" for file in files))
    store = Store(str(folder / "out"))
    asked = archive.begin(archive.asked_for(str(source), [model], unit=16), store)
    make = partial(screener_of, asked, store.where)
    if engine == "ray":
        from pulmoscan.batch.archive.ray_cluster import RayPool, connect

        connect(None, int(workers))
        pool: Processes | RayPool = RayPool(make, int(workers), variables(1))
    else:
        pool = Processes(make, int(workers), variables(1))
    held: list[float] = []
    used = [0.0]
    began: list[float] = []

    def progress(_: int) -> None:
        if not began:  # told what is done already: nothing
            began.append(0.0)
            return
        pids = [str(pid) for pid in workers_of(os.getpid())]
        held.append(sum(resident_megabytes(pid) for pid in pids) / max(1, len(pids)))
        now = time.perf_counter(), sum(map(_with_children, pids))
        if len(began) == 1:  # the first unit: all have started
            began[:] = [*now]
        used[0] = now[1]

    try:
        manifest = archive.run(asked, store, pool, progress)
    finally:
        ended = time.perf_counter()
        pool.close()
    assert manifest.adds_up and not manifest.left and store.names(RESULTS)  # noqa: PT018
    tenth = max(1, len(held) // 10)
    memory = f"{statistics.mean(held[tenth : 2 * tenth] or held):.0f} to {statistics.mean(held[-tenth:]):.0f}"
    measured = (len(files) - 16) / len(files)  # without the first unit
    took = ended - began[0]
    return took / measured, (used[0] - began[1]) / took, memory


def _with_children(pid: str) -> float:
    """Processor seconds of a worker and of the process that decodes for it."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    below = children.read_text().split() if children.exists() else []
    return processor_seconds(pid) + sum(processor_seconds(child) for child in below)


if __name__ == "__main__":
    main()

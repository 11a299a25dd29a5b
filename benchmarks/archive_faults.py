"""A run over an archive whose workers and driver are killed, compared with `screen` of the same files.

    python -m benchmarks.archive_faults FOLDER --model resnet18 [--engine ray] [--screened RESULTS.jsonl]

Kills a worker twice and the driver once, each by SIGKILL at a time of its own; then the same command goes on to the
end. Prints the counts, how many files have rows twice, and how many differ from what `screen` says of them.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from pulmoscan.batch.archive.manifest import MANIFEST, RESULTS, result_name
from pulmoscan.batch.archive.schema import arrow, as_screen_has_it
from pulmoscan.batch.outcomes import repeated

KILLS = (0.15, 0.35, 0.6)
"""Shares of the units that are done when a worker, another worker, and the driver are killed."""
SETTLED = ("milliseconds",)
"""What differs from run to run by its nature."""


def main() -> int:
    options = _parser().parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = options.out or Path(folder) / "out"
        began = time.perf_counter()
        killed = run_with_kills(options, out)
        took = time.perf_counter() - began
        manifest = json.loads((out / MANIFEST).read_text())
        rows = read_rows(out)
        names = Counter((row["file"], row["model"]) for row in rows)
        print(f"{took:.0f} s; killed: {', '.join(killed)}")
        print(f"files {manifest['files']}, done {manifest['done']}, left {manifest['left']}, {manifest['counts']}, "
              f"tried again alone {manifest['retried']}, poisoned {manifest['poisoned_files']}")  # fmt: skip
        print(f"rows {len(rows)}, of them twice: {sum(count - 1 for count in names.values())}")
        differing = compared(rows, screened(options))
        print(f"differ from screen: {len(differing)}", *differing[:5], sep="\n")
    return 1 if differing or manifest["left"] or max(names.values()) > 1 else 0


def run_with_kills(options: argparse.Namespace, out: Path) -> list[str]:
    """Run the command to its end, killing processes on the way."""
    command = [sys.executable, "-m", "pulmoscan", "archive", options.folder, "--out", str(out), "--model",
               options.model, "--engine", options.engine, "--unit", str(options.unit)]  # fmt: skip
    command += ["--workers", str(options.workers)] if options.workers else []
    killed: list[str] = []
    units = -(-sum(path.is_file() for path in Path(options.folder).rglob("*")) // options.unit)
    while True:
        driver = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while driver.poll() is None:
            time.sleep(0.5)
            done = len(list(out.glob(f"{RESULTS}/*/*.parquet")))
            if len(killed) < len(KILLS) and done >= KILLS[len(killed)] * units:
                if len(killed) == len(KILLS) - 1:
                    driver.send_signal(signal.SIGKILL)
                    killed.append(f"the driver at {done} of {units} units")
                elif workers := workers_of(driver.pid):
                    os.kill(workers[0], signal.SIGKILL)
                    killed.append(f"a worker at {done} of {units} units")
        if driver.returncode != -signal.SIGKILL:
            return killed


def workers_of(driver: int) -> list[int]:
    """Process numbers of the driver's workers: its own processes, or Ray's actors."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            command = (path / "cmdline").read_bytes().replace(b"\0", b" ")
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if (parent == driver and b"spawn_main" in command) or command.startswith(b"ray::_Actor"):
            found.append(int(path.name))
    return sorted(found)


def read_rows(out: Path) -> list[dict[str, Any]]:
    """All rows, in the order of the list."""
    found = sorted(out.glob(f"{RESULTS}/*/*.parquet"))
    assert all(path == out / result_name(int(path.stem.split("-")[1])) for path in found)
    rows = [row for path in found for row in arrow().parquet.read_table(path).to_pylist()]
    return sorted(rows, key=lambda row: (row["ordinal"], row["model"]))


def screened(options: argparse.Namespace) -> list[dict[str, Any]]:
    """What `screen` says, one after the other in one process."""
    if not (options.screened and options.screened.exists()):
        command = [
            sys.executable,
            "-m",
            "pulmoscan",
            "screen",
            options.folder,
            "--model",
            options.model,
            "--format",
            "json",
        ]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        if not options.screened:
            return [json.loads(line) for line in done.stdout.splitlines()]
        options.screened.write_bytes(done.stdout)
    return [json.loads(line) for line in options.screened.read_bytes().splitlines()]


def compared(rows: list[dict[str, Any]], said: list[dict[str, Any]]) -> list[str]:
    """Where the rows differ from what `screen` says, which also says of a file that its bytes came before."""
    first: dict[str, str] = {}
    ours = []
    for row in rows:
        if row["status"] == "passed over":
            continue
        result = as_screen_has_it(row)
        if row["status"] == "ok":
            before = first.setdefault(row["sha256"], row["file"])
            if before != row["file"]:
                result["warnings"].append(repeated(before))
        ours.append(result)
    theirs = {result["file"]: result for result in said}
    differing = []
    for result in ours:
        other = theirs.pop(result["file"], {})
        fields = [name for name in result if name not in SETTLED and result[name] != other.get(name)]
        differing += [f"{result['file']}: {name} {result[name]} {other.get(name)}" for name in fields]
    return differing + [f"{name}: not in the archive's results" for name in theirs]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--engine", default="processes")
    parser.add_argument("--unit", type=int, default=64)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--screened", type=Path, help="what `screen --format json` wrote; made where it is not there")
    return parser


if __name__ == "__main__":
    sys.exit(main())

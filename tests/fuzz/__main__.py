"""Fuzz what reads files: real and made-up files of every kind, spoilt in ways that know their structure.

    python -m tests.fuzz --seconds 3600 --keep runs/fuzz

A child process does the work and writes down what it is about to read; this one watches it. What must not happen: an
error that is none of the reader's own, a crash, an input that takes over 10 seconds, memory beyond 2 GB over what
the process takes by itself, a radiograph with values outside [0, 1], a traceback or a value of a header on standard
output or error, a file changed or made. Each input that makes one of these happen is kept, to become a test.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pickle
import random
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from pulmoscan.settings import REPOSITORY
from tests.fuzz.mutations import mutate
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import SHARES, TARGETS

SECONDS_AN_INPUT = 10.0
"""Of the processor."""
SECONDS_OF_SILENCE = 600.0
"""Of the clock, for what waits and does nothing."""
MEMORY_BYTES = 2 * 2**30
UNSPEAKABLE = (b"Traceback", b"Doe", b"Jane", b"MRN-4711", b"19900102", b"ACC-99", b"Elsewhere", b"Test^Field")
"""What stands in the seeds' headers; libtiff prints what it thinks of a file, and is heard only here."""
FOREIGN = {"foreign.png": b"not ours"}
BATCH = 200
"""Inputs between two looks at memory and files."""
ROUNDS = 100
"""Batches of one child."""
IN_MEMORY = next((place for place in ("/dev/shm",) if os.access(place, os.W_OK)), None)
"""Where the inputs are written: thousands a second wear out no disk there."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--keep", type=Path, default=Path("runs/fuzz"), help="folder for inputs that did harm")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        work(options.child, options.seed, options.seconds)
        return 0
    return watch(options.seconds, options.keep, options.seed)


def watch(seconds: float, keep: Path, seed: int) -> int:
    """Run children until the time is over; 0 where nothing happened that must not."""
    keep.mkdir(parents=True, exist_ok=True)
    counts: Counter[str] = Counter()
    harm: Counter[str] = Counter()
    began = time.monotonic()
    while (left := began + seconds - time.monotonic()) > 0:
        with tempfile.TemporaryDirectory(dir=IN_MEMORY) as place:
            folder = Path(place)
            command = [sys.executable, "-m", "tests.fuzz", "--child", place, "--seed", str(seed)]
            command += ["--seconds", str(left)]
            with (folder / "said").open("wb") as said:
                child = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, cwd=REPOSITORY)
                end = _wait(child, folder, began + seconds)
            if end and not (folder / "input").exists():
                print(f"The child cannot start: it {end}.", (folder / "said").read_text(errors="replace")[-2000:])
                return 2
            report = json.loads((folder / "report").read_text()) if (folder / "report").exists() else {}
            counts.update(report.get("counts", {}))
            for name, what in report.get("harm", []):
                _keep(folder / name, keep, what, harm)
            if end:
                _keep(folder / "input", keep, end, harm)
            said_words = (folder / "said").read_bytes()
            if any(word in said_words for word in UNSPEAKABLE):
                harm["said what it must not"] += 1
                (keep / "said.txt").write_bytes(said_words[-4000:])
        seed += 1
        print(json.dumps({"inputs": sum(counts.values()), "harm": dict(harm), "by kind": dict(counts)}), flush=True)
    return int(bool(harm))


def _wait(child: subprocess.Popen[bytes], folder: Path, deadline: float) -> str:
    """Until the child has ended; why it ended badly, or nothing. A hang is stopped."""
    since, spent = 0.0, 0.0
    while child.poll() is None:
        time.sleep(0.5)
        try:
            written = (folder / "input").stat().st_mtime
        except OSError:
            continue
        if written != since:
            since, spent = written, _processor_seconds(child.pid)
        busy, waiting = _processor_seconds(child.pid) - spent, time.time() - since
        if busy > SECONDS_AN_INPUT or waiting > SECONDS_OF_SILENCE or time.monotonic() > deadline + 60:
            child.kill()
            child.wait()
            return "hung" if time.monotonic() <= deadline else ""
    return "" if child.returncode == 0 else f"ended with {child.returncode}"


def _processor_seconds(pid: int) -> float:
    """What a process has used of the processor: on a machine that is busy with much else, time alone tells no hang."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):
        return 0.0


def _keep(path: Path, keep: Path, what: str, harm: Counter[str]) -> None:
    harm[what] += 1
    if path.exists():
        data = path.read_bytes()
        (keep / f"{hashlib.sha256(data).hexdigest()[:16]}.pickle").write_bytes(data)


# The child


def work(folder: Path, seed: int, seconds: float) -> None:
    """Spoil and read files until the time is over, or for one round of batches."""
    warnings.simplefilter("ignore")  # as where files are decoded; what is printed all the same is a find
    rng = random.Random(seed)
    stock = seeds(folder / "seeds")
    counts: Counter[str] = Counter()
    harm: list[tuple[str, str]] = []
    outside = folder / "outside"
    outside.mkdir()
    for name, content in FOREIGN.items():
        (outside / name).write_bytes(content)
    os.chdir(outside)
    tempfile.tempdir = str(folder)
    end = time.monotonic() + seconds
    began_with = _peak()
    kinds = sorted(stock)
    shares = [SHARES[kind] for kind in kinds]
    for _ in range(ROUNDS):
        for kind in rng.choices(kinds, shares, k=BATCH):
            data = mutate(rng.choice(stock[kind]), kind, rng, stock[kind])
            what = attempt(folder, kind, data)
            counts[kind] += 1
            if what:
                name = f"harm{len(harm)}"
                (folder / name).write_bytes((folder / "input").read_bytes())
                harm.append((name, what))
        if _peak() - began_with > MEMORY_BYTES:
            harm.append(("input", "took more than 2 GB"))
        if [p.name for p in outside.iterdir()] != ["foreign.png"] or (
            outside / "foreign.png"
        ).read_bytes() != b"not ours":
            harm.append(("input", "touched a foreign file"))
        (folder / "report").write_text(json.dumps({"counts": counts, "harm": harm}))
        if time.monotonic() > end or harm:
            return


def attempt(folder: Path, kind: str, data: bytes, targets: Mapping[str, Callable[[bytes], None]] = TARGETS) -> str:
    """Read one input; what went wrong, or nothing."""
    (folder / "input").write_bytes(pickle.dumps((kind, data)))
    began = time.process_time()
    try:
        targets[kind](data)
    except Exception as error:
        return f"{kind}: {type(error).__name__}"
    except BaseException as error:  # a panic of a decoder in Rust
        return f"{kind}: {type(error).__name__}, which nothing catches"
    return f"{kind}: took too long" if time.process_time() - began > SECONDS_AN_INPUT else ""


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    sys.exit(main())

"""The app under load: a cold start, and many visitors at once, each with a radiograph and a model of its own."""

from __future__ import annotations

import io
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from benchmarks.browser_session import BrowserSession, Run
from benchmarks.memory import ROOT, processor_seconds, resident_megabytes
from pulmoscan.export.words import NUMBER
from pulmoscan.gallery.samples import gallery
from pulmoscan.models.registry import MODELS

CROWDS = (1, 5, 10, 20)
SCREENINGS = 1000
ALONE = {
    "STREAMLIT_SERVER_HEADLESS": "true", "STREAMLIT_SERVER_ADDRESS": "127.0.0.1",
    "STREAMLIT_SERVER_FILE_WATCHER_TYPE": "none",
}  # fmt: skip
"""What Streamlit is told: nobody looks, and no file changes."""
ASKED = "Child or adult?"
SETTLED = re.compile(NUMBER + r" \*\*(.+?)\*\*, .*?threshold of \*\*(.+?)\*\*")


@dataclass
class Server:
    """The app in a process of its own."""

    address: str
    process: subprocess.Popen[bytes]
    log: Path
    began: float

    @property
    def resident_megabytes(self) -> float:
        """What the process holds in memory; NaN where the system does not say."""
        return resident_megabytes(str(self.process.pid))

    @property
    def processor_seconds(self) -> float:
        """Processor time since its start; NaN where the system does not say."""
        return processor_seconds(str(self.process.pid))


@contextmanager
def running_app(environment: dict[str, str] | None = None, script: str | None = None) -> Iterator[Server]:
    """Start the app, or another script by `streamlit run`, on a free port and wait until it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    start = ["streamlit", "run", script, "--server.port", port] if script else ["pulmoscan", "app", "--port", port]
    command = [sys.executable, "-m", *start]
    variables = {**os.environ, **ALONE, **(environment or {})}
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        began = time.perf_counter()
        with (
            log.open("wb") as output,
            subprocess.Popen(command, cwd=ROOT, env=variables, stdout=output, stderr=output) as app,
        ):
            try:
                address = f"http://127.0.0.1:{port}"
                while not _answers(address):
                    if app.poll() is not None or time.perf_counter() - began > 120:
                        raise RuntimeError(f"The app does not start: {log.read_text()[-2000:]}")
                    time.sleep(0.05)
                yield Server(address, app, log, began)
            finally:
                app.terminate()


def _answers(address: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"{address}/_stcore/health", timeout=5) as response:
        return bool(response.status == 200)
    return False


@dataclass(frozen=True)
class ColdStart:
    """From the command `pulmoscan app` until a visitor has a first result, and then one of a second model.

    Attributes:
        first_result, second_model: seconds.
        processor: seconds of processor time until the first result.
        resident_megabytes: with all models loaded.
    """

    first_result: float
    processor: float
    second_model: float
    resident_megabytes: float


def cold_start() -> ColdStart:
    """Start the app, open the first model's page and upload a radiograph; then go to the other models."""
    first, second, *rest = MODELS
    (radiograph,) = pictures(1)  # the visitor's file is there before the app is
    with running_app() as server, BrowserSession(server.address) as visitor:
        visitor.open(first)
        settled(upload(visitor, "first.png", radiograph))
        first_result, processor = time.perf_counter() - server.began, server.processor_seconds
        run = visitor.open(second)
        settled(run)
        for model in rest:
            settled(visitor.open(model))
        return ColdStart(first_result, processor, run.seconds, server.resident_megabytes)


def empty_start() -> ColdStart:
    """The same for an empty page: until a visitor has seen it whole."""
    with running_app(script="benchmarks/empty_page.py") as server, BrowserSession(server.address) as visitor:
        visitor.open()
        elapsed = time.perf_counter() - server.began
        return ColdStart(elapsed, server.processor_seconds, float("nan"), server.resident_megabytes)


@dataclass(frozen=True)
class Answer:
    """What a visitor was told, and shown: probability, threshold, and the pictures."""

    probability: str
    threshold: str
    pictures: tuple[int, ...]  # hashes of the panes' data, heat included


def upload(visitor: BrowserSession, name: str, content: bytes) -> Run:
    """Give the page a radiograph and, where it asks, say whom it shows; the seconds are those of both."""
    run = visitor.upload("Upload", name, content)
    if ASKED not in run.text:
        return run
    answered = visitor.click("Child")
    return replace(answered, seconds=run.seconds + answered.seconds, size=run.size + answered.size)


def settled(run: Run) -> Answer:
    """The decision on the page.

    Raises:
        RuntimeError: there is none, or the script failed.
    """
    found = SETTLED.search(run.text)
    if run.failed or not found or not run.panes:
        raise RuntimeError(f"The page shows no result: {run.text[-500:]}")
    return Answer(found[1], found[2], tuple(hash((pane["source"], repr(pane["heats"]))) for pane in run.panes))


@dataclass(frozen=True, eq=False)
class Load:
    """What a number of visitors at once had.

    Attributes:
        seconds: of each upload, from the file in the browser to the whole page with its pictures.
        drags: of each move of the threshold, to another operating point.
        wrong: answers that differ from what the same visitor is told alone.
        failed: what went wrong, in words.
    """

    visitors: int
    seconds: Sequence[float]
    drags: Sequence[float]
    wrong: int
    failed: Sequence[str]
    resident_megabytes: Sequence[float]


def pictures(count: int) -> list[bytes]:
    """Radiographs of the gallery, each turned or brightened in a way of its own."""
    samples = [sample.path for sample in gallery()]
    made = []
    for number in range(count):
        image = Image.open(samples[number % len(samples)]).convert("L")
        image.thumbnail((1024, 1024))
        if number // len(samples) % 2:
            image = ImageOps.mirror(image)
        brighter = 1 + 0.04 * (number // (2 * len(samples)))
        image = Image.fromarray(np.clip(np.asarray(image) * brighter, 0, 255).astype(np.uint8))
        file = io.BytesIO()
        image.save(file, "PNG")
        made.append(file.getvalue())
    return made


def visit(server: Server, count: int, visitors: int, rounds: int, expected: dict[int, Answer]) -> Load:
    """Let `visitors` of `count` different ones upload and drag at the same time, `rounds` times each.

    Args:
        expected: what each visitor was told when alone; filled in where it is not known yet.
    """
    files, models = pictures(count), list(MODELS)
    seconds: list[float] = []
    drags: list[float] = []
    failed: list[str] = []
    memory: list[float] = []
    wrong = 0
    together = threading.Barrier(visitors)
    lock = threading.Lock()

    def work(number: int) -> None:
        nonlocal wrong
        try:
            with BrowserSession(server.address) as visitor:
                visitor.open(models[number % len(models)])
                together.wait(600)
                for turn in range(rounds):
                    run = upload(visitor, f"visitor{number}-{turn}.png", files[number])
                    answer = settled(run)
                    drag = visitor.click("Balanced")
                    moved = SETTLED.search(drag.text)
                    back = visitor.click("High sensitivity")
                    with lock:
                        seconds.append(run.seconds)
                        drags.append(drag.seconds)
                        memory.append(server.resident_megabytes)
                        known = expected.setdefault(number, answer)
                        wrong += known != answer or not moved or moved[1] != answer.probability or back.failed
        except Exception as error:
            together.abort()
            with lock:
                failed.append(f"visitor {number}: {type(error).__name__}: {error}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(visitors)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Load(visitors, seconds, drags, wrong, failed, memory)


def serial_answers(server: Server, count: int) -> dict[int, Answer]:
    """What each visitor is told alone, one after the other."""
    expected: dict[int, Answer] = {}
    files, models = pictures(count), list(MODELS)
    for number, file in enumerate(files):
        with BrowserSession(server.address) as visitor:
            visitor.open(models[number % len(models)])
            expected[number] = settled(upload(visitor, f"visitor{number}-0.png", file))
    return expected

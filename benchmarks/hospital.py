"""The node under load: many instances over several associations at once, beside `screen` on the same files.

    python -m benchmarks.hospital --instances 2000 --associations 4

A modality's part and the archive's are played by this process, with as little work as can be, since elsewhere they have
machines of their own; the node is `pulmoscan listen` in its own. Tells whether all results came and none twice, the
node's memory on the way, both throughputs, and how long a study alone takes from its last C-STORE to its last result in
the archive, the quiet period aside.
"""

from __future__ import annotations

import argparse
import itertools
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE, evt
from pynetdicom import _config as pynetdicom_settings
from pynetdicom.presentation import AllStoragePresentationContexts

from benchmarks.memory import ROOT, resident_megabytes
from pulmoscan.gallery.samples import gallery
from pulmoscan.hospital.node import QUEUE_FILE
from pulmoscan.hospital.queue import Queue

SIDE = 512
QUIET = 2.0
STUDY_SIZE = 2


def written(folder: Path, count: int) -> list[Path]:
    """That many radiographs as DICOM files of 12 bits, two a study, made of the gallery's pictures."""
    pictures = itertools.cycle(
        np.asarray(Image.open(sample.path).convert("L").resize((SIDE, SIDE)), np.uint16) * 16 for sample in gallery()
    )
    paths, study = [], ""
    for number in range(count):
        study = study if number % STUDY_SIZE else str(generate_uid())
        path = folder / f"{number:05d}.dcm"
        dataset(next(pictures), study, number).save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def dataset(pixels: Any, study: str, number: int) -> Dataset:
    """One radiograph."""
    found = Dataset()
    found.SOPClassUID, found.SOPInstanceUID = DigitalXRayImageStorageForPresentation, generate_uid()
    found.StudyInstanceUID, found.SeriesInstanceUID = study, generate_uid()
    found.Modality, found.BodyPartExamined, found.ViewPosition = "DX", "CHEST", "PA"
    found.PatientID, found.PatientName, found.PatientAge = f"B{number}", "Bench^Mark", "034Y"
    found.PatientSex, found.PatientBirthDate, found.StudyDate, found.StudyTime = "F", "", "20260101", "120000"
    found.AccessionNumber, found.StudyID, found.ReferringPhysicianName = "", "", ""
    found.Rows, found.Columns = pixels.shape
    found.SamplesPerPixel, found.PhotometricInterpretation, found.PixelRepresentation = 1, "MONOCHROME2", 0
    found.BitsAllocated, found.BitsStored, found.HighBit = 16, 12, 11
    found.PixelData = pixels.tobytes()
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return found


class Archive:
    """Counts what it is sent, and when the last result came."""

    def __init__(self) -> None:
        self.came: Counter[str] = Counter()
        self.last = 0.0
        self._lock = threading.Lock()
        entity = AE(ae_title="ARCHIVE")
        entity.supported_contexts = AllStoragePresentationContexts
        self._server: Any = entity.start_server(
            ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, self._store)]
        )
        self.port = int(self._server.socket.getsockname()[1])

    def _store(self, event: Any) -> int:
        with self._lock:
            self.came[str(event.request.AffectedSOPInstanceUID)] += 1
            self.last = time.monotonic()
        return 0

    def stop(self) -> None:
        self._server.shutdown()


@contextmanager
def node(folder: Path, archive: Archive, model: str, results: Sequence[str]) -> Iterator[tuple[int, int]]:
    """`pulmoscan listen`: its process and its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kinds = ", ".join(f'"{kind}"' for kind in results)
    (folder / "node.toml").write_text(
        f'[node]\nfolder = "node"\nport = {port}\nmodel = "{model}"\nquiet_seconds = {QUIET}\nresults = [{kinds}]\n'
        f'[[peers]]\nae_title = "BENCH"\n[[destinations]]\nkind = "dimse"\nname = "archive"\nae_title = "ARCHIVE"\n'
        f'host = "127.0.0.1"\nport = {archive.port}\n'
    )
    command = [sys.executable, "-m", "pulmoscan", "listen", str(folder / "node.toml")]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log) as process:
        try:
            while b"listens on" not in (folder / "log").read_bytes():
                time.sleep(0.1)
                if process.poll() is not None:
                    raise SystemExit((folder / "log").read_text())
            yield process.pid, port
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def send(port: int, paths: Sequence[Path]) -> None:
    """Over one association; over another as long as something is not acknowledged, as a modality does."""
    pynetdicom_settings.STORE_SEND_CHUNKED_DATASET = True
    entity = AE(ae_title="BENCH")
    entity.add_requested_context(DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian)
    left = list(paths)
    while left:
        association = entity.associate("127.0.0.1", port, ae_title="PULMOSCAN")
        while left and association.is_established:
            if association.send_c_store(left[0]).get("Status") == 0:
                left.pop(0)
        if association.is_established:
            association.release()
        elif left:
            print("An association broke, and what was not acknowledged is sent again.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=2000)
    parser.add_argument("--associations", type=int, default=4)
    parser.add_argument("--model", default="densenet121")
    parser.add_argument("--results", nargs="+", default=["sr", "seg", "sc"])
    parser.add_argument("--no-screen", action="store_true", help="leave out `screen` on the same files")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "in").mkdir()
        paths = written(folder / "in", options.instances)
        os.sync()  # else the node's own syncing waits for these
        archive = Archive()
        with node(folder, archive, options.model, options.results) as (process, port):
            print(f"memory before: {resident_megabytes(str(process)):.0f} MB")
            began, memory = time.monotonic(), [0.0]
            shares = [paths[i :: options.associations] for i in range(options.associations)]
            with ThreadPoolExecutor(options.associations) as pool:
                senders = [pool.submit(send, port, share) for share in shares]
                while not all(sender.done() for sender in senders):
                    memory.append(resident_megabytes(str(process)))
                    time.sleep(1)
                for sender in senders:
                    sender.result()
            received = time.monotonic() - began
            print(f"received: {options.instances / received:.1f} a second over {options.associations} associations")
            queue = Queue(folder / "node" / QUEUE_FILE)
            while (counts := queue.counts())["instances"]["received"] or counts.get("archive", {}).get("waiting"):
                time.sleep(QUIET)
                memory.append(resident_megabytes(str(process)))
            took = archive.last - began
            print(f"all in {took:.0f} s: {options.instances / took:.2f} a second; {len(archive.came)} results, "
                  f"{sum(count > 1 for count in archive.came.values())} of them twice")  # fmt: skip
            third = len(memory) // 3
            print(
                f"memory: at most {max(memory[1:third]):.0f} MB in the first third of the time, "
                f"{max(memory[-third:]):.0f} MB in the last"
            )
            delays = []
            for path in paths[: 2 * STUDY_SIZE * 5 : STUDY_SIZE]:
                fresh = pydicom.dcmread(path)
                fresh.StudyInstanceUID, fresh.SOPInstanceUID = generate_uid(), generate_uid()
                fresh.save_as(folder / "one.dcm", enforce_file_format=True, overwrite=True)
                before = archive.last
                send(port, [folder / "one.dcm"])
                sent = time.monotonic()
                while archive.last == before:
                    time.sleep(0.01)
                time.sleep(1.0)  # for its other results
                delays.append(archive.last - sent - QUIET)
            print(f"from the last C-STORE to the last result, the quiet period aside: median "
                  f"{statistics.median(delays):.2f} s, at most {max(delays):.2f} s")  # fmt: skip
        archive.stop()
        if not options.no_screen:
            began = time.monotonic()
            reports = [
                word for kind in options.results if kind in ("sr", "sc") for word in ("--report", f"dicom-{kind}")
            ]
            command = [sys.executable, "-m", "pulmoscan", "screen", str(folder / "in"), "--model", options.model,
                       "--format", "json", *reports, "--out", str(folder / "out")]  # fmt: skip
            with (folder / "screened").open("wb") as output:
                subprocess.run(command, cwd=ROOT, stdout=output, stderr=subprocess.DEVNULL, env=os.environ, check=False)
            took = time.monotonic() - began
            print(f"`screen` with the same reports: {options.instances / took:.2f} a second")


if __name__ == "__main__":
    main()

"""An archive and a node on this machine: send two studies of the gallery, and see what comes back.

    python examples/hospital/demo.py

Needs Orthanc with its DICOMweb plugin (Debian: apt-get install orthanc orthanc-dicomweb) and the extra `hospital`.
Everything listens on 127.0.0.1 alone and lies in a folder that goes with the end. `--stay` keeps both running, so that
the results can be looked at in Orthanc's own pages.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
from dicomweb_client.api import DICOMwebClient
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
PLUGINS = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
SAMPLES = ("pneumonia_1.png", "normal_1.png")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stay", action="store_true", help="keep archive and node running until Ctrl-C")
    parser.add_argument("--model", default="densenet121")
    options = parser.parse_args()
    if shutil.which("Orthanc") is None or not Path(PLUGINS).is_file():
        print("Orthanc is not installed; on Debian: apt-get install orthanc orthanc-dicomweb", file=sys.stderr)
        return 1
    running: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory() as place:
        try:
            return demonstrate(Path(place), options.model, options.stay, running)
        except KeyboardInterrupt:
            return 0
        finally:
            for process in reversed(running):
                process.send_signal(signal.SIGTERM)
                process.wait(60)


def demonstrate(folder: Path, model: str, stay: bool, running: list[subprocess.Popen[bytes]]) -> int:
    dicom, web, node = free_port(), free_port(), free_port()
    running.append(archive(folder, dicom, web, node))
    wait(f"Orthanc is up: http://127.0.0.1:{web}", lambda: answers(f"http://127.0.0.1:{web}/system"), running)
    settings = (HERE / "node.toml").read_text()
    for ours, here in (("port = 11112", f"port = {node}"), ("port = 4242", f"port = {dicom}"), ("densenet121", model)):
        settings = settings.replace(ours, here)
    (folder / "node.toml").write_text(settings)
    command = [sys.executable, "-m", "pulmoscan", "listen", str(folder / "node.toml")]
    path = os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH"))))
    running.append(subprocess.Popen(command, cwd=folder, env={**os.environ, "PYTHONPATH": path}))
    wait(f"The node is up: 127.0.0.1:{node}", lambda: listens(node), running)
    studies = {}
    for name in SAMPLES:
        radiograph = as_dicom(REPOSITORY / "test_samples" / name)
        studies[name] = str(radiograph.StudyInstanceUID)
        send(radiograph, node)
        print(f"Sent {name}.")
    client = DICOMwebClient(f"http://127.0.0.1:{web}/dicom-web")
    for name, study in studies.items():
        wait(f"Results of {name} are in Orthanc:", partial(complete, client, study), running)
        for instance in client.retrieve_study(study):
            print(f"  {instance.SeriesDescription} ({instance.SOPClassUID.name})")
            if instance.Modality == "SR":
                print(f"    {first_comment(instance)}")
    if stay:
        print(f"Look at them: http://127.0.0.1:{web}. Ctrl-C ends both.", flush=True)
        while True:
            time.sleep(1)
    return 0


def complete(client: DICOMwebClient, study: str) -> bool:
    """Report, segmentation and overlay."""
    return len(client.search_for_instances(study)) == 3


def archive(folder: Path, dicom: int, web: int, node: int) -> subprocess.Popen[bytes]:
    """Orthanc, which knows the node."""
    (folder / "archive").mkdir()
    settings = {
        "StorageDirectory": str(folder / "archive"), "IndexDirectory": str(folder / "archive"), "DicomAet": "ORTHANC",
        "DicomPort": dicom, "HttpPort": web, "HttpBindAddresses": ["127.0.0.1"], "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False, "DicomModalities": {"node": ["PULMOSCAN", "127.0.0.1", node]},
        "Plugins": [PLUGINS], "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }  # fmt: skip
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "orthanc.log").open("wb") as log:
        return subprocess.Popen(["Orthanc", str(folder / "orthanc.json")], stdout=log, stderr=log)


def as_dicom(path: Path) -> Dataset:
    """A picture of the gallery as a digital radiograph of nobody."""
    pixels = np.asarray(Image.open(path).convert("L"))
    found = Dataset()
    found.SOPClassUID, found.SOPInstanceUID = DigitalXRayImageStorageForPresentation, generate_uid()
    found.StudyInstanceUID, found.SeriesInstanceUID = generate_uid(), generate_uid()
    found.Modality, found.BodyPartExamined, found.ViewPosition = "DX", "CHEST", "PA"
    found.PatientID, found.PatientName, found.PatientAge, found.PatientSex = path.stem, "Sample^Gallery", "004Y", "O"
    found.PatientBirthDate = found.AccessionNumber = found.StudyID = found.ReferringPhysicianName = ""
    found.StudyDate, found.StudyTime = time.strftime("%Y%m%d"), time.strftime("%H%M%S")
    found.Rows, found.Columns = pixels.shape
    found.SamplesPerPixel, found.PhotometricInterpretation, found.PixelRepresentation = 1, "MONOCHROME2", 0
    found.BitsAllocated, found.BitsStored, found.HighBit = 8, 8, 7
    found.PixelData = pixels.tobytes() + bytes(pixels.size % 2)
    found["PixelData"].VR = "OB"
    found.SeriesDescription = "The radiograph"
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return found


def send(radiograph: Dataset, port: int) -> None:
    """By C-STORE, as a modality does."""
    entity = AE(ae_title="MODALITY")
    entity.add_requested_context(radiograph.SOPClassUID, ExplicitVRLittleEndian)
    association = entity.associate("127.0.0.1", port, ae_title="PULMOSCAN")
    if not association.is_established or association.send_c_store(radiograph).get("Status") != 0:
        raise SystemExit("The node did not take the radiograph.")
    association.release()


def first_comment(report: Dataset) -> str:
    """The report's first free text: the decision in words."""
    for item in report.get("ContentSequence", []):
        if item.ValueType == "TEXT" and item.ConceptNameCodeSequence[0].CodeValue == "121106":
            return str(item.TextValue)
        if text := first_comment(item):
            return text
    return ""


def wait(words: str, condition: Callable[[], Any], running: list[subprocess.Popen[bytes]]) -> None:
    """Say so when it has come about."""
    for _ in range(1800):
        if any(process.poll() is not None for process in running):
            raise SystemExit("A process ended that should not have.")
        if condition():
            print(words, flush=True)
            return
        time.sleep(0.1)
    raise SystemExit(f"It did not come about within 3 minutes: {words}")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


if __name__ == "__main__":
    raise SystemExit(main())

"""A node and its neighbours on this machine's own address: Orthanc the archive, storescu or pynetdicom the modality."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE

from pulmoscan.hospital.configuration import Configuration
from pulmoscan.hospital.node import Node
from tests.dicoms import dicom, save

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
PATIENCE = 60.0
MODEL = "resnet18"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def until(condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """What a condition gives once it is true."""
    began = time.monotonic()
    while not (found := condition()):
        assert time.monotonic() - began < seconds, "it did not come about in time"
        time.sleep(0.02)
    return found


@dataclass
class Orthanc:
    """A running Orthanc."""

    port: int
    http: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http}"

    @property
    def web(self) -> DICOMwebClient:
        return DICOMwebClient(f"{self.url}/dicom-web")

    def ask(self, path: str) -> Any:
        with urlopen(f"{self.url}{path}", timeout=10) as response:
            return json.load(response)

    def instances(self, study: str) -> list[dict[str, Any]]:
        """Of a study, as QIDO-RS lists them."""
        found: list[dict[str, Any]] = self.web.search_for_instances(study)
        return found


def start_orthanc(folder: Path, callers: dict[str, int], **more: Any) -> Orthanc:
    """An Orthanc with an empty store in a folder.

    Args:
        callers: ports by the AE titles that it knows.
    """
    if shutil.which("Orthanc") is None or not PLUGIN.is_file():
        pytest.skip("Orthanc is not installed; on Debian: apt-get install orthanc orthanc-dicomweb")
    found = Orthanc(free_port(), free_port())
    settings = {
        "Name": "test",
        "StorageDirectory": str(folder),
        "IndexDirectory": str(folder),
        "DicomAet": "ORTHANC",
        "DicomPort": found.port,
        "HttpPort": found.http,
        "HttpBindAddresses": ["127.0.0.1"],
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAlwaysAllowEcho": False,
        "DicomAlwaysAllowStore": False,
        "DicomCheckCalledAet": True,
        "DicomModalities": {name: [name, "127.0.0.1", port] for name, port in callers.items()},
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        **more,
    }
    path = folder / "orthanc.json"
    path.write_text(json.dumps(settings))
    with (folder / "log").open("wb") as log:
        found.process = subprocess.Popen(["Orthanc", str(path)], stdout=log, stderr=log, cwd=folder)

    def answers() -> bool:
        assert found.process is not None
        assert found.process.poll() is None, (folder / "log").read_text()
        try:
            return bool(found.ask("/system"))
        except OSError:
            return False

    until(answers)
    return found


@pytest.fixture(scope="session")
def node_port() -> int:
    """Where the node listens that Orthanc calls back."""
    return free_port()


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory: pytest.TempPathFactory, node_port: int) -> Iterator[Orthanc]:
    """The archive of all tests that need one; each sends studies of its own."""
    found = start_orthanc(tmp_path_factory.mktemp("orthanc"), {"PULMOSCAN": node_port})
    yield found
    if found.process:
        found.process.terminate()
        found.process.wait(30)


def dimse(orthanc: Orthanc, **more: Any) -> dict[str, Any]:
    """The archive as a destination by C-STORE."""
    return {
        "kind": "dimse", "name": "archive", "ae_title": "ORTHANC", "host": "127.0.0.1", "port": orthanc.port,
        "retry_seconds": 0.2, **more,
    }  # fmt: skip


def stow(orthanc: Orthanc, **more: Any) -> dict[str, Any]:
    """The same by STOW-RS."""
    return {"kind": "dicomweb", "name": "web", "url": f"{orthanc.url}/dicom-web", "retry_seconds": 0.2, **more}


def configuration(folder: Path, *destinations: dict[str, Any], port: int = 0, **node: Any) -> Configuration:
    """A node's, quick enough for a test."""
    settings = {
        "folder": str(folder), "port": port, "model": MODEL, "quiet_seconds": 0.3, "least_free_mb": 0,
        "results": ["sr", "sc"], **node,
    }  # fmt: skip
    return Configuration.model_validate(
        {"node": settings, "peers": [{"ae_title": "MODALITY"}], "destinations": list(destinations)}
    )


MakeNode = Callable[..., Node]


@pytest.fixture
def make_node(models: Path, tmp_path: Path) -> Iterator[MakeNode]:
    """Starts a node, which ends with the test."""
    assert models.is_dir()
    started: list[Node] = []

    def make(*destinations: dict[str, Any], **node: Any) -> Node:
        found = Node(configuration(tmp_path / "node", *destinations, **node))
        found.start()
        started.append(found)
        return found

    yield make
    for node in started:
        node.stop()


def study(count: int = 1, **elements: Any) -> list[Dataset]:
    """Radiographs of one patient's study, each another picture."""
    elements = {"StudyInstanceUID": generate_uid(), **elements}
    return [dicom(12, 260, 240, seed=number, InstanceNumber=number + 1, **elements) for number in range(count)]


def send(port: int, *datasets: Dataset, called: str = "PULMOSCAN", calling: str = "MODALITY", **more: Any) -> list[int]:
    """Send over one association; the status of each, -1 where there is no answer. Empty where it is rejected."""
    entity = AE(ae_title=calling)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 10
    for sop_class in {dataset.SOPClassUID for dataset in datasets}:
        entity.add_requested_context(sop_class)
    association = entity.associate("127.0.0.1", port, ae_title=called, **more)
    if not association.is_established:
        return []
    try:
        for dataset in datasets:
            save(dataset)  # completes the file meta
        return [
            int(association.send_c_store(dataset).get("Status", -1)) if association.is_established else -1
            for dataset in datasets
        ]
    finally:
        association.release()

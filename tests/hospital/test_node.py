"""From the modality to the archive and back by DICOMweb: the real thing on this machine's own address."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from datetime import date
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import (
    ComprehensiveSRStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from pulmoscan.hospital.configuration import Configuration
from pulmoscan.hospital.node import Node
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.screening import screen
from tests.dicoms import save
from tests.export.test_dicom_reports import by_name, validator
from tests.hospital.conftest import MODEL, MakeNode, Orthanc, configuration, dimse, free_port, send, stow, study, until
from tests.site_profiles import write

KINDS = ("sr", "seg", "sc", "gsps")
CLASSES = (
    ComprehensiveSRStorage,
    SegmentationStorage,
    SecondaryCaptureImageStorage,
    GrayscaleSoftcopyPresentationStateStorage,
)


def test_storescu_sends_and_the_archive_has_the_results(
    make_node: MakeNode, orthanc: Orthanc, node_port: int, tmp_path: Path
) -> None:
    node = make_node(dimse(orthanc), port=node_port, results=KINDS)
    sources = study(2)
    (tmp_path / "out").mkdir()
    for number, source in enumerate(sources):
        (tmp_path / "out" / f"{number}.dcm").write_bytes(save(source))
    command = [
        validator("storescu"),
        "-aet",
        "MODALITY",
        "-aec",
        "PULMOSCAN",
        "127.0.0.1",
        str(node.receiver.port),
        "+sd",
    ]
    subprocess.run([*command, str(tmp_path / "out")], check=True, timeout=60)
    uid = sources[0].StudyInstanceUID
    instances = until(lambda: len(found := orthanc.instances(uid)) == 8 and found)
    documents = [i for i in orthanc.web.retrieve_study(uid) if i.SOPClassUID == ComprehensiveSRStorage]
    for source in sources:
        here = screen(load_radiograph(save(source)), MODEL)
        (document,) = [
            d
            for d in documents
            if d.CurrentRequestedProcedureEvidenceSequence[0]
            .ReferencedSeriesSequence[0]
            .ReferencedSOPSequence[0]
            .ReferencedSOPInstanceUID
            == source.SOPInstanceUID
        ]
        (certainty,) = by_name(document, "111012")
        assert float(certainty.MeasuredValueSequence[0].NumericValue) == pytest.approx(
            100 * here.reading.probability, abs=0.01
        )
        assert document.PatientID == source.PatientID
    classes = Counter(i["00080016"]["Value"][0] for i in instances)
    assert classes == dict.fromkeys(CLASSES, 2)
    # Orthanc offers storage commitment and calls back.
    until(lambda: node.queue.counts()["archive"]["committed"] == 8)


def test_by_dicomweb(make_node: MakeNode, orthanc: Orthanc) -> None:
    node = make_node(stow(orthanc))
    (source,) = study()
    assert send(node.receiver.port, source) == [0]
    until(lambda: node.queue.counts().get("web", {}).get("sent") == 2)
    assert len(orthanc.instances(source.StudyInstanceUID)) == 2


def test_pulled_over_dicomweb(models: Path, orthanc: Orthanc, tmp_path: Path) -> None:
    """New studies of a server are fetched once, and results come back to it; these are no new radiographs."""
    assert models.is_dir()
    today = f"{date.today():%Y%m%d}"  # noqa: DTZ011 - a study's date has no zone
    (source,) = study(StudyDate=today)
    (old,) = study(StudyDate="20010101")
    for one in (source, old):
        save(one)
        one.preamble = bytes(128)
    orthanc.web.store_instances([source, old])
    settings = configuration(tmp_path / "node", stow(orthanc)).model_dump(mode="json")
    pull = {"name": "server", "url": f"{orthanc.url}/dicom-web", "every_seconds": 0.2, "days": 0}
    node = Node(Configuration.model_validate({**settings, "pull": [pull]}))
    node.start()
    try:
        until(lambda: node.queue.counts().get("web", {}).get("sent") == 2)
        time.sleep(0.6)
        assert node.queue.counts()["instances"]["screened"] == 1
        assert node.queue.counts()["web"]["sent"] == 2
        assert len(orthanc.instances(source.StudyInstanceUID)) == 3
    finally:
        node.stop()


def test_results_name_the_site_profile(make_node: MakeNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = write(tmp_path / "site.json", MODEL)
    monkeypatch.setenv("PULMOSCAN_SITE", str(tmp_path / "site.json"))
    # A destination that is down keeps the results on disk.
    down = {"kind": "dimse", "name": "archive", "ae_title": "NOBODY", "host": "127.0.0.1", "port": free_port()}
    node = make_node(down, results=["sr"])
    assert send(node.receiver.port, *study()) == [0]
    until(lambda: node.queue.counts()["instances"].get("screened") == 1)
    (row,) = node.queue.rows("SELECT threshold, site_profile FROM instance", ())
    assert row["site_profile"] == profile.label
    assert row["threshold"] == profile.populations["adult"].threshold
    (document,) = (tmp_path / "node" / "results").glob("*.dcm")
    assert f"site profile {profile.label}" in pydicom.dcmread(document).to_json()

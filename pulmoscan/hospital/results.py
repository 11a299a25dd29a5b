"""A screening -> the DICOM instances that go back to its study."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pydicom

from pulmoscan.export.content import Report
from pulmoscan.hospital.configuration import ResultKind
from pulmoscan.hospital.queue import Result


def _structured_report(report: Report) -> bytes:
    from pulmoscan.export.dicom_sr import structured_report

    return structured_report(report)


def _secondary_capture(report: Report) -> bytes:
    from pulmoscan.export.dicom_sc import secondary_capture

    return secondary_capture(report)


def _segmentation(report: Report) -> bytes | None:
    from pulmoscan.export.dicom_seg import segmentation

    return segmentation(report)


def _presentation(report: Report) -> bytes | None:
    from pulmoscan.export.dicom_gsps import presentation_state

    return presentation_state(report)


WRITERS: Mapping[ResultKind, Callable[[Report], bytes | None]] = {
    "sr": _structured_report,
    "seg": _segmentation,
    "sc": _secondary_capture,
    "gsps": _presentation,
}


def import_writers() -> None:
    """What writes results takes long to import: the first study should not have to wait for it."""
    from pulmoscan.export import dicom_gsps, dicom_sc, dicom_seg, dicom_sr  # noqa: F401


def results(report: Report, kinds: tuple[ResultKind, ...]) -> Iterator[tuple[Result, bytes]]:
    """Each kind as a DICOM file, in the order of the configuration; without regions there are no seg and no gsps."""
    for kind in kinds:
        data = WRITERS[kind](report)
        if data is None:
            continue
        meta = pydicom.dcmread(io.BytesIO(data), specific_tags=[]).file_meta
        yield Result(str(meta.MediaStorageSOPInstanceUID), kind, str(meta.MediaStorageSOPClassUID)), data


def found(report: Report) -> dict[str, Any]:
    """What the queue keeps of a screening; no pixels, and nothing that names the patient."""
    outcome = report.screening
    reading = outcome.reading
    return {
        "model": reading.model.name,
        "weights": reading.card.weights_sha256,
        "probability": reading.probability,
        "threshold": outcome.threshold,
        "label": outcome.label,
        "population": outcome.population,
        "site_profile": reading.site.label if reading.site else None,
        "traits": traits(report),
    }


def traits(report: Report) -> dict[str, str]:
    """By what drift is told: how the radiograph was made and of what quality it is, in few words."""
    radiograph, examination = report.radiograph, report.screening.reading.examination
    facts = radiograph.dicom.facts if radiograph.dicom else None
    said = {
        "quality": "defects" if examination and examination.defects else "good",
        "view": facts.view if facts else "",
        "manufacturer": facts.manufacturer if facts else "",
        "grey values": f"{radiograph.source.bits} bits",
        "population": report.screening.population,
    }
    return {name: value or "not given" for name, value in said.items()}

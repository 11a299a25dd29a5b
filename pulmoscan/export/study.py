"""Whose study a DICOM export belongs to: the source's own, an anonymous copy of it, or a new one."""

from __future__ import annotations

import copy
import io
import re
from typing import Any

from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from pulmoscan import __version__
from pulmoscan.export.content import Report
from pulmoscan.export.deidentify import deidentify, new_uid
from pulmoscan.export.identifiers import UIDS, handed_on, uid_handed_on
from pulmoscan.reading.dicom.facts import value, values

MANUFACTURER = "PulmoScan"
SERIES_NUMBERS = {"sr": 9701, "sc": 9702, "seg": 9703, "gsps": 9704}
DIRECTION = re.compile(r"[LRAPHF]{1,3}")
"""Of a patient (PS3.3 C.7.6.1.1.1)."""
NEEDED = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
)
"""Type 2 of the patient and study modules: to be there, and empty where unknown (PS3.3 C.7.1.1, C.7.2.1)."""


def study(report: Report) -> Dataset:
    """Patient and study of the export, as elements of the instance that it refers to.

    For a picture that is no DICOM file, the instance is the secondary capture of the overlay.
    """
    source = report.radiograph.dicom
    if source is None:
        return _new_study(report)
    header = deidentify(source.header) if report.anonymous else source.header
    found = Dataset()
    found.SOPClassUID = uid_handed_on(header, "SOPClassUID") or uid.SecondaryCaptureImageStorage
    if report.anonymous and uid.UID(found.SOPClassUID).name == found.SOPClassUID:  # without a name in PS3.6
        found.SOPClassUID = uid.SecondaryCaptureImageStorage  # a maker's own class tells of the source
    for keyword in UIDS:
        setattr(found, keyword, uid_handed_on(header, keyword) or _own_uid(report, keyword))
    for keyword in NEEDED:
        setattr(found, keyword, handed_on(header, keyword))
    if report.anonymous:
        found.PatientIdentityRemoved = "YES"
        found.DeidentificationMethodCodeSequence = header.DeidentificationMethodCodeSequence
    else:
        age = str(value(header, "PatientAge"))
        if re.fullmatch(r"\d{3}[DWMY]", age):
            found.PatientAge = age
        for keyword in ("IssuerOfPatientID", "StudyDescription"):
            if handed_on(header, keyword):
                setattr(found, keyword, handed_on(header, keyword))
    found.Rows, found.Columns = header.get("Rows"), header.get("Columns")
    return found


def unnamed(owner: Dataset) -> Dataset:
    """A copy without names, for highdicom: it warns of names that look odd to it, and quotes them.

    It knows no private SOP classes either; which of the standard's it is told makes no difference to what it copies.
    """
    nameless = copy.deepcopy(owner)
    nameless.PatientName = nameless.ReferringPhysicianName = ""
    nameless.SOPClassUID = uid.SecondaryCaptureImageStorage
    return nameless


def put_names(export: Dataset, owner: Dataset) -> None:
    """The names that `unnamed` kept back, the age, and what was done to make an export anonymous."""
    export.SpecificCharacterSet = "ISO_IR 192"
    for keyword in (
        "PatientName",
        "ReferringPhysicianName",
        "PatientAge",
        "PatientIdentityRemoved",
        "DeidentificationMethodCodeSequence",
        "StudyDescription",
        "IssuerOfPatientID",
    ):
        if keyword in owner:
            setattr(export, keyword, owner.get(keyword))


def refer_to(export: Dataset, owner: Dataset) -> None:
    """Give every reference to the source instance, at any depth, the class that `unnamed` kept back."""
    for element in export:
        if element.VR == "SQ":
            for item in element.value:
                refer_to(item, owner)
    if export.get("ReferencedSOPInstanceUID") == owner.SOPInstanceUID:
        export.ReferencedSOPClassUID = owner.SOPClassUID


def made_by(report: Report, kind: str) -> dict[str, Any]:
    """What highdicom asks of every export: its series, its instance, and the program that made it."""
    reading = report.screening.reading
    site = (f"site profile {reading.site.label}"[:64],) if reading.site else ()  # PS3.5 table 6.2-1: LO
    return {
        "series_instance_uid": series_uid(report, kind),
        "series_number": SERIES_NUMBERS[kind],
        "sop_instance_uid": instance_uid(report, kind),
        "instance_number": 1,
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": report.spec.title,
        "software_versions": (__version__, reading.precision, *site),
    }


def file_of(export: Dataset, owner: Dataset) -> bytes:
    """The export as a DICOM file, with what `unnamed` kept from highdicom put back."""
    put_names(export, owner)
    refer_to(export, owner)
    file = io.BytesIO()
    export.save_as(file, enforce_file_format=True)
    return file.getvalue()


def own_code(value: str, meaning: str) -> Code:
    """A concept that has no standard code; PS3.16 section 8.2 has a scheme of one's own begin with 99."""
    return Code(value, "99PULMOSCAN", meaning)


def orientation(report: Report) -> list[str]:
    """The source's; empty where unknown, as type 2C allows, and where the user had the picture turned or inverted."""
    if report.radiograph.source.correction:
        return []
    stated = values(report.radiograph.dicom.header, "PatientOrientation") if report.radiograph.dicom else []
    directions = [str(direction) for direction in stated]
    return directions if len(directions) == 2 and all(DIRECTION.fullmatch(d) for d in directions) else []


def _new_study(report: Report) -> Dataset:
    found = Dataset()
    found.SOPClassUID = uid.SecondaryCaptureImageStorage
    found.SOPInstanceUID = instance_uid(report, "sc")
    found.SeriesInstanceUID = series_uid(report, "sc")
    found.StudyInstanceUID = _own_uid(report, "StudyInstanceUID")
    for keyword in NEEDED:
        setattr(found, keyword, "")
    found.PatientName = "Anonymous"
    found.PatientID = _own_uid(report, "PatientID")[-16:]
    found.StudyDate, found.StudyTime = report.created.strftime("%Y%m%d"), report.created.strftime("%H%M%S")
    return found


def instance_uid(report: Report, kind: str) -> str:
    """Of the export; another for each threshold and moment of writing, the same for a picture that stands in for it."""
    about = (report.weights_sha256, f"{report.screening.threshold:.4f}", _moment(report), kind)
    return _own_uid(report, *about)


def series_uid(report: Report, kind: str) -> str:
    """Of the series that the export opens."""
    return _own_uid(report, "series", report.weights_sha256 if report.repeatable else "", kind, _moment(report))


def _moment(report: Report) -> str:
    return "" if report.repeatable else report.created.isoformat()


def _own_uid(report: Report, *about: str) -> str:
    source = report.radiograph.dicom
    stated = uid_handed_on(source.header, "SOPInstanceUID") if report.repeatable and source else ""
    text = "|".join((stated or report.radiograph.key, str(report.anonymous), *about))
    return new_uid(text, "PulmoScan") if report.repeatable else new_uid(text)

"""The source's identifiers as a DICOM export may hold them: unchanged, or empty with a warning.

What breaks the rules of its kind stops an archive, and what is cut or joined to fit them may be another patient's.
The rules are pydicom's, of the DICOM standard's PS3.5 table 6.2-1 (value representations).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pydicom.config import RAISE
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.uid import UID
from pydicom.valuerep import validate_value

from pulmoscan.reading.dicom.facts import value

UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
SEXES = ("M", "F", "O")
WORDS = {
    "PatientID": "patient ID",
    "IssuerOfPatientID": "issuer of the patient ID",
    "PatientName": "patient's name",
    "PatientBirthDate": "birth date",
    "PatientSex": "patient's sex",
    "AccessionNumber": "accession number",
    "StudyID": "study ID",
    "StudyDate": "study date",
    "StudyTime": "study time",
    "StudyDescription": "study description",
    "ReferringPhysicianName": "referring physician's name",
}


def handed_on(header: Dataset, keyword: str) -> Any:
    """The element's value as it is, or an empty text where it is missing or breaks the rules of its kind."""
    stated = value(header, keyword)
    return stated if stated is not None and _conforms(keyword, stated) else ""


def uid_handed_on(header: Dataset, keyword: str) -> str:
    """As `handed_on`, of a unique identifier."""
    stated = value(header, keyword)
    return str(stated) if isinstance(stated, str) and UID(stated).is_valid else ""


def left_empty(header: Dataset) -> list[str]:
    """A sentence on each identifier that is there and cannot be handed on; it does not quote it."""
    broken = [
        words for keyword, words in WORDS.items() if _is_stated(header, keyword) and handed_on(header, keyword) == ""
    ]
    found = []
    if broken:
        found.append(
            f"The DICOM exports leave empty what breaks DICOM's rules in the file: {_listed(broken)}. Complete it by "
            "hand before they go to an archive."
        )
    if any(_is_stated(header, keyword) and not uid_handed_on(header, keyword) for keyword in UIDS):
        found.append(
            "The file's unique identifiers break DICOM's rules: the DICOM exports get new ones, and do not lie in its "
            "study."
        )
    return found


def _is_stated(header: Dataset, keyword: str) -> bool:
    """Whether the file gives a value, be it one that cannot be converted."""
    if keyword not in header:
        return False
    stated = value(header, keyword)
    if stated is not None:
        return bool(str(stated).strip())
    try:
        return bool(header.get_item(keyword).value)
    except Exception:  # what cannot even be looked at is something odd
        return True


def _conforms(keyword: str, stated: Any) -> bool:
    if isinstance(stated, MultiValue | list | tuple | bytes | Dataset):  # a backslash parts values
        return False
    text = str(stated)
    if not all(c.isprintable() for c in text) or "\\" in text:
        return False
    kind = dictionary_VR(keyword)
    try:
        validate_value(kind, text, RAISE)
    except ValueError:
        return False
    if kind == "DA":
        return _is_date(text)
    if kind == "TM":  # two times with a hyphen are a range, which only queries may hold
        return "-" not in text
    return keyword != "PatientSex" or text in SEXES


def _is_date(text: str) -> bool:
    """A day that there is in the calendar; pydicom takes 30 February, and ranges too."""
    try:
        datetime.strptime(text, "%Y%m%d")  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return False
    return len(text) == 8


def _listed(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last

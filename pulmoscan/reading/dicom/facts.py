"""What a DICOM header says of the picture and of the patient, read with patience: headers are often wrong.

References are to the DICOM standard, PS3.3 (information object definitions).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from pydicom.dataset import Dataset

from pulmoscan.reading.dicom import terms

OLDEST = 130.0
DAYS_A_YEAR = 365.2425
AGE_UNITS = {"D": DAYS_A_YEAR, "W": DAYS_A_YEAR / 7, "M": 12.0, "Y": 1.0, "": 1.0}  # how many make a year
SEXES = {"M": "male", "F": "female", "O": "other"}
SIDES = {"L": "left", "R": "right", "B": "both sides", "U": "unpaired"}
FRONTAL = ("PA", "AP")
IDENTIFIERS = ("PatientID", "AccessionNumber", "StudyID")
ESCAPE = re.compile(r"\x1b[\x20-\x2f]+[\x30-\x7e]")
"""A change of character set within a text (ISO 2022), which a decoder may leave where it stood."""
TEXTS = ("PatientName", "ReferringPhysicianName", "InstitutionName", "StudyDescription", *IDENTIFIERS)
"""Elements that are shown or handed on as text."""


@dataclass(frozen=True, repr=False)
class Identity:
    """Who the patient is. It has no `repr`, so that no log line or traceback can hold it."""

    name: str
    patient_id: str
    birth_date: str
    accession: str
    institution: str
    physician: str

    def rows(self) -> Iterator[tuple[str, str]]:
        """Label and value of all that the file gives."""
        named = (
            ("Name", self.name),
            ("Patient ID", self.patient_id),
            ("Born", self.birth_date),
            ("Accession number", self.accession),
            ("Institution", self.institution),
            ("Referring physician", self.physician),
        )
        return ((label, value) for label, value in named if value)


@dataclass(frozen=True)
class Spacing:
    """Distance of neighbouring pixels.

    Attributes:
        millimetres: of the square pixels that the radiograph is read with.
        at_detector: measured there, where everything is larger than in the patient; else calibrated by the device.
    """

    millimetres: float
    at_detector: bool

    @property
    def words(self) -> str:
        return f"{self.millimetres:.4g} mm{' at the detector' if self.at_detector else ''}"


@dataclass(frozen=True)
class Facts:
    """What is known of the picture; empty texts where the file does not tell.

    Attributes:
        kind: the SOP class in words.
        view: PA, AP or another value as the file has it.
        age: of the patient at the time of the study, in years.
    """

    kind: str
    modality: str
    body_part: str
    view: str
    laterality: str
    sex: str
    age: float | None
    study_date: str
    manufacturer: str
    spacing: Spacing | None
    kilovolts: float | None
    transfer_syntax: str
    photometric: str
    bits: int
    identity: Identity

    def identifying_rows(self) -> Iterator[tuple[str, str]]:
        """Label and value of what could tell who the patient is."""
        yield from self.identity.rows()
        named = (("Sex", self.sex), ("Age", age_text(self.age)), ("Study date", self.study_date))
        yield from ((label, value) for label, value in named if value)

    def rows(self) -> Iterator[tuple[str, str]]:
        """Label and value of all that the file gives, without what could tell who the patient is."""
        named = (
            ("View", self.view),
            ("Body part", self.body_part.capitalize()),
            ("Side", self.laterality),
            ("Modality", self.modality),
            ("Kind", self.kind),
            ("Manufacturer", self.manufacturer),
            ("Pixel spacing", self.spacing.words if self.spacing else ""),
            ("Tube voltage", f"{self.kilovolts:g} kV" if self.kilovolts else ""),
            ("Encoding", self.transfer_syntax),
            ("Grey values", f"{self.bits} bits, {self.photometric}"),
        )
        return ((label, value) for label, value in named if value)


def facts(header: Dataset, transfer_syntax: str) -> Facts:
    """Read the header; whatever in it is damaged counts as not given."""
    return Facts(
        kind=kind(header),
        modality=text(header, "Modality").upper(),
        body_part=body_part(header),
        view=view(header),
        laterality=SIDES.get((text(header, "ImageLaterality") or text(header, "Laterality")).upper(), ""),
        sex=SEXES.get(text(header, "PatientSex").upper(), ""),
        age=age(header),
        study_date=_day_text(header, "StudyDate"),
        manufacturer=" ".join(filter(None, (text(header, "Manufacturer"), text(header, "ManufacturerModelName")))),
        spacing=spacing(header),
        kilovolts=_positive(header, "KVP"),
        transfer_syntax=transfer_syntax,
        photometric=photometric(header),
        bits=int(value(header, "BitsStored") or 0),
        identity=Identity(
            name=" ".join(text(header, "PatientName").replace("=", "^").replace("^", " ").split()),
            patient_id=identifier(header, "PatientID"),
            birth_date=_day_text(header, "PatientBirthDate"),
            accession=identifier(header, "AccessionNumber"),
            institution=text(header, "InstitutionName"),
            physician=" ".join(text(header, "ReferringPhysicianName").replace("^", " ").split()),
        ),
    )


def spacing(header: Dataset) -> Spacing | None:
    """PixelSpacing (C.10.7.1.3), else ImagerPixelSpacing (C.8.11.7) and what scanners write; None where none is told.

    Pixels that are not square are read as square ones of their longer side (`greyscale.square_pixels`).
    """
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        try:
            sides = [float(v) for v in values(header, keyword)]
        except (TypeError, ValueError):
            continue
        if len(sides) == 2 and min(sides) > 0 and math.isfinite(max(sides)):
            return Spacing(max(sides), keyword != "PixelSpacing")
    return None


def _positive(header: Dataset, keyword: str) -> float | None:
    """A number above 0; None for anything else."""
    try:
        number = float(value(header, keyword) or 0)
    except (TypeError, ValueError):
        return None
    return number if 0 < number < math.inf else None


def value(dataset: Dataset, keyword: str) -> Any:
    """An element's value, or None where it is missing, empty or cannot be converted."""
    try:
        found = dataset.get(keyword)
    except Exception:  # values are converted when first asked for
        return None
    return None if found is None or found == "" else found


def values(dataset: Dataset, keyword: str) -> list[Any]:
    """All values of an element; empty where it is missing."""
    found = value(dataset, keyword)
    if found is None:
        return []
    return [found] if isinstance(found, str | bytes) or not hasattr(found, "__iter__") else list(found)


def text(dataset: Dataset, keyword: str) -> str:
    """An element's first value as plain text."""
    found = values(dataset, keyword) if keyword not in ("PatientName", "ReferringPhysicianName") else None
    one = value(dataset, keyword) if found is None else next(iter(found), None)
    return "" if one is None else "".join(c for c in str(one) if c.isprintable()).strip()


def kind(header: Dataset) -> str:
    """The SOP class in words."""
    uid = value(header, "SOPClassUID")
    return str(getattr(uid, "name", uid or "unknown")).replace(" Storage", "").replace(" Image", "")


def identifier(dataset: Dataset, keyword: str) -> str:
    """An identifier as the file has it. One with a backslash reads as several values, and is no several identifiers."""
    return "\\".join(str(v) for v in values(dataset, keyword)).strip()


def without_escapes(header: Dataset) -> None:
    """Take the escape sequences of ISO 2022 out of a header's texts, in place; identifiers stay what they are."""
    for keyword in (k for k in TEXTS if k not in IDENTIFIERS):
        stated = value(header, keyword)
        if stated is not None and "\x1b" in str(stated):
            setattr(header, keyword, ESCAPE.sub("", str(stated)).replace("\x1b", ""))


def frames(header: Dataset) -> int | None:
    """NumberOfFrames as it was meant: `0`, `01` and `1.0` are one frame. None for what is no whole number."""
    found = header.get_item("NumberOfFrames")
    stated = getattr(found, "value", None)
    stated = (
        stated.decode("ascii", "replace") if isinstance(stated, bytes) else str(stated if stated is not None else "")
    )
    try:
        count = float(stated.strip(" \0") or 1)
    except ValueError:
        return None
    return max(1, int(count)) if count.is_integer() else None


def photometric(header: Dataset) -> str:
    """PhotometricInterpretation in capitals, without blanks in MONOCHROME; black at 0 where none is given."""
    stated = text(header, "PhotometricInterpretation").upper()
    if not stated:
        return "MONOCHROME2" if value(header, "SamplesPerPixel") in (1, None) else ""
    return re.sub(r"^MONOCHROME[\s_-]*", "MONOCHROME", stated)


def age(header: Dataset) -> float | None:
    """In years: PatientAge (C.7.2.2), else from the birth date to the study's.

    Devices that were told no age write 000Y or 999Y: no age is such a one.
    """
    stated = text(header, "PatientAge")
    years = _age_string(stated)
    if years is None or years == 0 or years > OLDEST:
        born = day(header, "PatientBirthDate")
        dates = (day(header, k) for k in ("StudyDate", "AcquisitionDate", "SeriesDate", "ContentDate"))
        seen = next(filter(None, dates), None)
        newborn = years if years == 0 and stated[-1:].upper() in ("D", "W", "M") else None
        years = (seen - born).days / DAYS_A_YEAR if born and seen else newborn
    return years if years is not None and 0 <= years <= OLDEST else None


def _age_string(stated: str) -> float | None:
    """PS3.5 has `nnnD`, `nnnW`, `nnnM` and `nnnY`; years without a letter are often met."""
    match = re.fullmatch(r"(\d{1,3})\s*([DWMY]?)", stated.upper())
    return int(match[1]) / AGE_UNITS[match[2]] if match else None


def age_text(years: float | None) -> str:
    """As a person says it: years, below two years months."""
    if years is None:
        return ""
    return f"{int(years)} years" if years >= 2 else f"{int(12 * years + 1e-6)} months"


def day(header: Dataset, keyword: str) -> date | None:
    """A date (DA: `YYYYMMDD`; also ACR-NEMA's `YYYY.MM.DD`)."""
    digits = re.sub(r"\D", "", text(header, keyword))
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8])) if len(digits) == 8 else None
    except ValueError:
        return None


def _day_text(header: Dataset, keyword: str) -> str:
    found = day(header, keyword)
    return found.isoformat() if found else ""


def view(header: Dataset) -> str:
    """ViewPosition (C.8.1.3), else the view's code (C.8.11.5), else a PA or AP put elsewhere; else empty."""
    stated = terms.frontal_joined(text(header, "ViewPosition"))
    if stated not in (*terms.UNSTATED, "PORTABLE"):
        return stated
    for item in values(header, "ViewCodeSequence")[:1]:
        code, meaning = (text(item, k) if isinstance(item, Dataset) else "" for k in ("CodeValue", "CodeMeaning"))
        if code in terms.FRONTAL_CODES:
            return terms.FRONTAL_CODES[code]
        if code in terms.OTHER_VIEW_CODES or meaning.upper() not in terms.UNSTATED:
            return terms.frontal_joined(meaning) if terms.direction(meaning) != "unknown" else meaning or code
    misplaced = text(header, "PatientPosition").upper()  # it is not meant for this, but research sets use it so
    return misplaced if misplaced in FRONTAL else ""


def body_part(header: Dataset) -> str:
    """BodyPartExamined, else the anatomic region's code in words."""
    return text(header, "BodyPartExamined") or _meaning(header, "AnatomicRegionSequence")


def _meaning(header: Dataset, keyword: str) -> str:
    items = values(header, keyword)
    return text(items[0], "CodeMeaning") if items and isinstance(items[0], Dataset) else ""

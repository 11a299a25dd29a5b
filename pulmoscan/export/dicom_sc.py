"""A DICOM secondary capture: radiograph and overlay with the decision below, as one colour picture (PS3.3 A.8.1)."""

from __future__ import annotations

import io
import textwrap
from functools import cache

import numpy as np
from highdicom.sc import SCImage
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset

from pulmoscan import DISCLAIMER, __version__
from pulmoscan.export.content import Report, font_file
from pulmoscan.export.study import MANUFACTURER, SERIES_NUMBERS, instance_uid, put_names, series_uid, study
from pulmoscan.export.words import CAPTION, probability_text


def secondary_capture(report: Report) -> bytes:
    """The overlay as a DICOM file, in the source's study and a new series."""
    owner = study(report)
    capture = SCImage(
        pixel_array=captioned(report),
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "F"),  # highdicom wants one
        study_instance_uid=owner.StudyInstanceUID,
        series_instance_uid=series_uid(report, "sc"),
        series_number=SERIES_NUMBERS["sc"],
        sop_instance_uid=instance_uid(report, "sc"),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=report.spec.title,
        software_versions=(__version__, report.screening.reading.precision),
        series_description="PulmoScan: what raised the score",
        patient_id=owner.PatientID,
        patient_birth_date=owner.PatientBirthDate,
        patient_sex=owner.PatientSex,
        accession_number=owner.AccessionNumber,
        study_id=owner.StudyID,
        study_date=owner.StudyDate,
        study_time=owner.StudyTime,
    )
    capture.PatientOrientation = _orientation(report)
    side = report.radiograph.dicom.header.get("Laterality") if report.radiograph.dicom else ""
    capture.Laterality = side if side in ("L", "R") else ""  # type 2C
    capture.ImageType = ["DERIVED", "SECONDARY"]
    capture.DerivationDescription = f"{CAPTION} {DISCLAIMER}"
    burnt = report.radiograph.dicom and report.radiograph.dicom.header.get("BurnedInAnnotation") == "YES"
    capture.BurnedInAnnotation = "YES" if burnt else "NO"  # our own caption names no one
    put_names(capture, owner)
    if report.radiograph.dicom:
        capture.SourceImageSequence = [_reference(owner)]
    file = io.BytesIO()
    capture.save_as(file, enforce_file_format=True)
    return file.getvalue()


def _orientation(report: Report) -> list[str]:
    """The source's; empty where unknown, as type 2C allows, and where the user had the picture turned or inverted."""
    if report.radiograph.source.correction:
        return []
    stated = report.radiograph.dicom.header.get("PatientOrientation") if report.radiograph.dicom else None
    return [str(v) for v in stated] if stated and len(stated) == 2 and all(stated) else []


def _reference(owner: Dataset) -> Dataset:
    item, purpose = Dataset(), Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = owner.SOPClassUID, owner.SOPInstanceUID
    purpose.CodeValue, purpose.CodingSchemeDesignator = "121322", "DCM"
    purpose.CodeMeaning = "Source image for image processing operation"
    item.PurposeOfReferenceCodeSequence = [purpose]
    return item


def captioned(report: Report) -> NDArray[np.uint8]:
    """uint8 RGB [H, W, 3]: the overlay, and below it the decision and what this is not."""
    overlay = report.overlay
    width = overlay.shape[1]
    size = max(11, width // 55)
    outcome = report.screening
    lines = [
        f"{report.headline}: {report.number_name.lower()} {probability_text(outcome.reading.probability)}, "
        f"threshold {report.threshold_text}",
        f"{report.software}, {report.spec.title}. {CAPTION}",
        DISCLAIMER,
    ]
    wrapped = [part for line in lines for part in textwrap.wrap(line, max(20, int(width / size * 1.7)))]
    strip = Image.new("RGB", (width, int(size * (1.4 * len(wrapped) + 1))), (16, 24, 28))
    draw = ImageDraw.Draw(strip)
    for number, line in enumerate(wrapped):
        draw.text((size, size * (0.5 + 1.4 * number)), line, font=font(size), fill=(235, 240, 242))
    return np.concatenate([overlay, np.asarray(strip, dtype=np.uint8)])


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with Matplotlib."""
    return ImageFont.truetype(str(font_file("DejaVuSans")), size)

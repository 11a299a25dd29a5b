"""A DICOM secondary capture: radiograph and overlay with the decision below, as one colour picture (PS3.3 A.8.1)."""

from __future__ import annotations

from highdicom.sc import SCImage
from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from pulmoscan import DISCLAIMER
from pulmoscan.export.caption import caption_lines, captioned
from pulmoscan.export.content import Report
from pulmoscan.export.study import (
    file_of,
    made_by,
    orientation,
    study,
    unnamed,
)
from pulmoscan.export.words import CAPTION
from pulmoscan.reading.dicom.facts import value


def secondary_capture(report: Report) -> bytes:
    """The overlay as a DICOM file, in the source's study and a new series."""
    owner = study(report)
    capture = SCImage.from_ref_dataset(
        unnamed(owner),
        pixel_array=captioned(report),
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "F"),  # highdicom wants one
        **made_by(report, "sc"),
        series_description="PulmoScan: what raised the score",
    )
    capture.PatientOrientation = orientation(report)
    side = value(report.radiograph.dicom.header, "Laterality") if report.radiograph.dicom else ""
    capture.Laterality = side if side in ("L", "R") else ""  # type 2C
    capture.ImageType = ["DERIVED", "SECONDARY"]
    capture.DerivationDescription = f"{CAPTION} {DISCLAIMER}"
    capture.ImageComments = " ".join(filter(None, (report.mark, *caption_lines(report))))
    burnt = report.radiograph.dicom and value(report.radiograph.dicom.header, "BurnedInAnnotation") == "YES"
    capture.BurnedInAnnotation = "YES" if burnt else "NO"  # our own caption names no one
    if report.radiograph.dicom:
        capture.SourceImageSequence = [_reference(owner)]
    return file_of(capture, owner)


def _reference(owner: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = owner.SOPClassUID, owner.SOPInstanceUID
    item.PurposeOfReferenceCodeSequence = [CodedConcept.from_code(codes.DCM.SourceImageForImageProcessingOperation)]
    return item

"""Whether a DICOM header names a frontal chest radiograph: refused what names something else, warned of what is odd."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom import uid
from pydicom.dataset import Dataset

from pulmoscan import errors
from pulmoscan.reading.dicom import terms
from pulmoscan.reading.dicom.facts import frames, kind, photometric, text, value
from pulmoscan.reading.dicom.facts import values as all_values
from pulmoscan.reading.dicom.facts import view as stated_view

RADIOGRAPHS = ("CR", "DX", "RG")
UNSURE = ("OT", "SC", "XR", "DR", "XC", "")
OTHER_TECHNIQUES = (
    *("CT", "MR", "US", "MG", "NM", "PT", "XA", "PX", "IO", "OP", "OPT", "OCT", "ES", "GM", "SM", "IVUS", "BI", "BMD"),
    *("ECG", "EPS", "XF", "DF", "CF", "DOC", "SR", "PR", "KO", "SEG", "REG", "RTIMAGE"),
)
"""Modalities (C.7.3.1.1.1) that no SOP class turns into a plain radiograph."""

SECONDARY_CAPTURE = uid.SecondaryCaptureImageStorage
FOR_PROCESSING = uid.DigitalXRayImageStorageForProcessing
RADIOGRAPH_CLASSES = (
    uid.ComputedRadiographyImageStorage,
    uid.DigitalXRayImageStorageForPresentation,
    FOR_PROCESSING,
)
GREY = ("MONOCHROME1", "MONOCHROME2")


def check(dataset: Dataset) -> None:
    """Refuse what is no frontal chest radiograph by its own header.

    Raises:
        UnsuitableRadiograph: one of its kinds.
    """
    if "PixelData" not in dataset:
        raise errors.DicomWithoutPixels(_kind_of_file(dataset))
    sop_class = value(dataset, "SOPClassUID")
    if not _is_radiograph(_modality(dataset), sop_class):
        raise errors.DicomModality(_modality(dataset), kind(dataset))
    if sop_class == FOR_PROCESSING or text(dataset, "PresentationIntentType").upper() == "FOR PROCESSING":
        raise errors.DicomForProcessing
    count = frames(dataset)
    if count is None:
        raise errors.DamagedDicom
    if count > 1:
        raise errors.AnimatedImage(count)
    if photometric(dataset) not in GREY or value(dataset, "SamplesPerPixel") not in (1, None):
        raise errors.DicomColour(photometric(dataset) or "colour")
    _check_body_part(dataset)
    view = stated_view(dataset)
    if view and terms.direction(view) == "other":
        raise errors.DicomView(view)


def _is_radiograph(modality: str, sop_class: object) -> bool:
    if modality in RADIOGRAPHS:
        return True
    if sop_class in RADIOGRAPH_CLASSES:
        return modality not in OTHER_TECHNIQUES
    return modality in UNSURE and sop_class in (None, SECONDARY_CAPTURE)


def _check_body_part(dataset: Dataset) -> None:
    part = str(value(dataset, "BodyPartExamined") or "")
    if part.strip().upper() not in terms.UNSTATED:
        if terms.region(part) == "other":
            raise errors.DicomBodyPart(text(dataset, "BodyPartExamined").upper())
        return
    items = [item for item in all_values(dataset, "AnatomicRegionSequence") if isinstance(item, Dataset)][:1]
    for item in items:
        meaning = text(item, "CodeMeaning")
        if text(item, "CodeValue") not in terms.CHEST_CODES and terms.region(meaning) == "other":
            raise errors.DicomBodyPart(meaning.upper())


def warnings(dataset: Dataset) -> Iterator[str]:
    """Sentences on what in the header speaks against trusting the result; none quotes the header."""
    modality, sop_class = _modality(dataset), value(dataset, "SOPClassUID")
    if sop_class == SECONDARY_CAPTURE or modality not in RADIOGRAPHS:
        yield (
            "The DICOM file is a secondary capture or does not name a radiograph's modality: how its grey values came "
            "about is unknown."
        )
    if not text(dataset, "PhotometricInterpretation"):
        yield "The DICOM file does not say whether low values are black or white: black is assumed."
    if text(dataset, "BurnedInAnnotation").upper() == "YES":
        yield "Text is burnt into the picture: it may name the patient, also in anonymous exports."
    view = stated_view(dataset)
    if not view:
        yield "The view position is missing from the DICOM file. The models know frontal views only."
    elif terms.direction(view) == "unknown":
        yield "The DICOM file names its view in a way that is not known here. The models know frontal views only."
    part = text(dataset, "BodyPartExamined")
    if part.upper() not in terms.UNSTATED and terms.region(str(value(dataset, "BodyPartExamined"))) == "unknown":
        yield "The DICOM file names its body part in a way that is not known here. The models know the chest only."
    orientation = [str(v).upper() for v in all_values(dataset, "PatientOrientation")]
    if len(orientation) == 2 and all(orientation) and not (orientation[0][0] == "L" and orientation[1][0] == "F"):
        yield (
            "The DICOM file says that the picture is not upright with the patient's left on the right side: turn it in "
            "the viewer and export it again."
        )


def _modality(dataset: Dataset) -> str:
    return text(dataset, "Modality").upper()


def _kind_of_file(dataset: Dataset) -> str:
    """In words, also for files whose SOP class stands in the file meta alone."""
    if value(dataset, "SOPClassUID"):
        return kind(dataset)
    stored = getattr(getattr(dataset, "file_meta", None), "MediaStorageSOPClassUID", None)
    return str(getattr(stored, "name", stored or text(dataset, "Modality") or "unknown")).removesuffix(" Storage")

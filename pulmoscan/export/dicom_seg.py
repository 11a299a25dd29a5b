"""A DICOM segmentation: the lungs, and where the heat is at least half as strong as its scale goes (PS3.3 A.51)."""

from __future__ import annotations

import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.seg import Segmentation, SegmentDescription
from pydicom.sr.codedict import codes

from pulmoscan import DISCLAIMER, __version__
from pulmoscan.export.content import Report
from pulmoscan.export.dicom_regions import Region, regions
from pulmoscan.export.study import (
    file_of,
    instance_uid,
    made_by,
    orientation,
    own_code,
    study,
    unnamed,
)

COLOURS = {"lungs": "#40e0ff", "heat": "#c2570c"}
HEAT = own_code("HEAT", "Region that raised the score")


def segmentation(report: Report) -> bytes | None:
    """The regions as a DICOM file, in the source's study and a new series; None where there are none."""
    found = regions(report)
    if not found:
        return None
    owner = study(report)
    source = unnamed(owner)
    source.Modality = "DX"  # what highdicom names the segments' purpose by; it does not go into the file
    masks = np.stack([region.mask for region in found], axis=-1)[None].astype(np.uint8)
    document = Segmentation(
        source_images=[source],
        pixel_array=masks,
        segmentation_type="BINARY",
        segment_descriptions=[_segment(number, region, report) for number, region in enumerate(found, start=1)],
        **made_by(report, "seg"),
        device_serial_number=report.weights_sha256[:16],
        content_label="PULMOSCAN",
        content_description="Lungs and heat, no outline of disease"[:64],
        series_description="PulmoScan: lungs and what raised the score",
    )
    document.PatientOrientation = orientation(report)
    document.ImageComments = " ".join(filter(None, (report.mark, DISCLAIMER)))
    return file_of(document, owner)


def _segment(number: int, region: Region, report: Report) -> SegmentDescription:
    is_lung = region.kind == "lungs"
    segment = SegmentDescription(
        segment_number=number,
        segment_label=region.label,
        segmented_property_category=codes.SCT.AnatomicalStructure if is_lung else codes.SCT.SpatialAndRelationalConcept,
        segmented_property_type=codes.SCT.Lung if is_lung else HEAT,
        algorithm_type="AUTOMATIC",
        algorithm_identification=AlgorithmIdentificationSequence(
            name="PulmoScan lung network" if is_lung else f"PulmoScan {report.spec.title}, {report.heat_method}",
            family=codes.DCM.ArtificialIntelligence,
            version=__version__,
        ),
        tracking_uid=instance_uid(report, f"segment {region.kind}"),
        tracking_id=region.label,
    )
    red, green, blue = (int(COLOURS[region.kind][i : i + 2], 16) for i in (1, 3, 5))
    segment.RecommendedDisplayCIELabValue = _cielab(red, green, blue)
    return segment


def _cielab(red: int, green: int, blue: int) -> list[int]:
    """An sRGB colour as DICOM encodes CIELab (PS3.3 C.10.7.1.1)."""
    import cv2

    lightness, a, b = cv2.cvtColor(np.array([[[red, green, blue]]], np.float32) / 255, cv2.COLOR_RGB2LAB)[0, 0]
    return [round(lightness * 65535 / 100), round((a + 128) * 65535 / 255), round((b + 128) * 65535 / 255)]

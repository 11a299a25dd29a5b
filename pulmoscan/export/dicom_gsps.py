"""A grayscale softcopy presentation state: contours and decision over the source instance, which stays as it is
(PS3.3 A.33.1). Viewers show it and let it be switched off.
"""

from __future__ import annotations

import copy

import numpy as np
from highdicom.pr import (
    GraphicAnnotation,
    GraphicLayer,
    GraphicObject,
    GrayscaleSoftcopyPresentationState,
    TextObject,
)

from pulmoscan.export.content import Report
from pulmoscan.export.dicom_regions import regions
from pulmoscan.export.study import (
    file_of,
    made_by,
    study,
    unnamed,
)
from pulmoscan.export.words import probability_text

LAYERS = {"lungs": "LUNGS", "heat": "HEAT"}


def presentation_state(report: Report) -> bytes | None:
    """The contours as a DICOM file, in the source's study and a new series; None where there are none."""
    found, source = regions(report), report.radiograph.dicom
    if not found or source is None:
        return None
    owner = study(report)
    shown = copy.deepcopy(source.header)  # its own grey values: modality and VOI transformations
    shown.update(unnamed(owner))
    layers = {kind: GraphicLayer(name, order) for order, (kind, name) in enumerate(LAYERS.items(), start=1)}
    annotations = [
        GraphicAnnotation(
            referenced_images=[shown],
            graphic_layer=layers[region.kind],
            graphic_objects=[
                # PS3.3 C.10.5.1.2: the top left pixel's corner is 1\\1 there, and 0\\0 in a structured report
                GraphicObject("POLYLINE", contour + np.float32(0.5), "PIXEL")
                for contour in region.contours
            ],
        )
        for region in found
        if region.contours
    ]
    words = (
        f"PulmoScan, not a medical device: {report.headline}, {probability_text(report.screening.reading.probability)}"
    )
    annotations.append(
        GraphicAnnotation(
            referenced_images=[shown],
            graphic_layer=layers["heat"],
            text_objects=[TextObject(words, "DISPLAY", bounding_box=(0.02, 0.02, 0.98, 0.08))],
        )
    )
    used = {annotation.GraphicLayer for annotation in annotations}
    state = GrayscaleSoftcopyPresentationState(
        referenced_images=[shown],
        **made_by(report, "gsps"),
        device_serial_number=report.weights_sha256[:16],
        content_label="PULMOSCAN",
        content_description="Lungs and heat, no outline of disease",
        graphic_annotations=annotations,
        graphic_layers=[layer for layer in layers.values() if layer.GraphicLayer in used],
        series_description="PulmoScan: lungs and what raised the score",
    )
    state.Laterality = ""  # type 2C of the series, and not for a presentation state to say
    return file_of(state, owner)

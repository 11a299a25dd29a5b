"""Lungs and heat as areas of the source instance's own pixels, for DICOM objects that outline them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pulmoscan.export.content import Report

HALF_STRENGTH = 0.5
"""The heat contour encloses what is at least half as strong as the heatmap's scale goes."""
FINENESS = 400
"""A contour leaves the mask's edge by no more than this part of the picture's longer side."""
SPECK_SHARE = 0.02
"""Parts of an area below this share of it get no contour of their own."""

Kind = Literal["lungs", "heat"]


@dataclass(frozen=True, eq=False)
class Region:
    """One area.

    Attributes:
        mask: bool [Rows, Columns] of the source instance.
    """

    kind: Kind
    label: str
    mask: NDArray[np.bool_]

    @property
    def contours(self) -> list[NDArray[np.float32]]:
        """Closed polygons [N + 1, 2], column and row of each corner, the last as the first; the largest first.

        Columns and rows count from the top left corner of the top left pixel (PS3.3 C.18.6.1.1), so that a pixel's
        middle lies at a half.
        """
        found, _ = cv2.findContours(self.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        areas = [cv2.contourArea(contour) for contour in found]
        large = sorted((i for i in range(len(found)) if areas[i] > SPECK_SHARE * sum(areas)), key=lambda i: -areas[i])
        closed = []
        for i in large:
            corners = cv2.approxPolyDP(found[i], max(self.mask.shape) / FINENESS, closed=True)[:, 0] + 0.5
            if len(corners) >= 3:
                closed.append(np.concatenate([corners, corners[:1]]).astype(np.float32))
        return closed


def regions(report: Report) -> list[Region]:
    """Where the lungs are and where the heat is, if anywhere.

    Empty where the areas are not the source instance's: for a picture that is no DICOM file, or that was turned.
    """
    source = report.radiograph.dicom
    if source is None or report.radiograph.source.correction:
        return []
    rows, columns = int(source.header.Rows), int(source.header.Columns)
    reading = report.screening.reading
    found = []
    if reading.examination:
        found.append(Region("lungs", "Lungs", reading.examination.view.mask_at(rows, columns)))
    hot = reading.heatmap(rows, columns) >= HALF_STRENGTH
    found.append(Region("heat", "What raised the score, at half strength or more", hot))
    return [region for region in found if region.mask.any()]

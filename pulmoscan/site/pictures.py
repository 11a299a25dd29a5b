"""Small pictures of what was judged wrongly, for the report."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from pulmoscan.batch.outcomes import load
from pulmoscan.errors import RadiographError
from pulmoscan.reading.intake import Item
from pulmoscan.reading.scaling import at_most
from pulmoscan.site.acceptance import Acceptance

MOST_OF_A_KIND = 12
"""Misses, and false alarms, that are shown: each is decoded once more."""
SIDE = 420
"""Pixels of the longer side."""
QUALITY = 88


def of_errors(acceptance: Acceptance, items: Mapping[str, Item]) -> dict[str, bytes]:
    """The first misses and the first false alarms as JPEG, by file; what can no longer be read is left out.

    Args:
        items: by the names of the cases' files.
    """
    wrong = [*acceptance.misses[:MOST_OF_A_KIND], *acceptance.false_alarms[:MOST_OF_A_KIND]]
    found = {}
    for file, _ in wrong:
        try:
            small = at_most(load(items[file]).pixels, SIDE)
        except RadiographError:
            continue
        grey = (np.clip(small, 0, 1) * 255).astype(np.uint8)
        _, jpeg = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        found[file] = jpeg.tobytes()
    return found

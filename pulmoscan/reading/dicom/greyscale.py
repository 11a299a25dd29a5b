"""Stored values -> shades of grey: modality LUT, VOI LUT, padding and photometric interpretation, in that order.

Follows PS3.4 N.2 and PS3.3 C.7.6.3, C.11.1 and C.11.2. Depth is kept to the end: all is computed in float32.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from pulmoscan.reading.depth import significant_bits, spread, thinned
from pulmoscan.reading.dicom.facts import text, value, values

VoiFunction = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]
LEAST_CONTRAST = 4 / 255
"""A window that spreads a whole picture over less than this shows nothing of it."""
OUTLIERS = (0.5, 99.5)
"""Percentiles: what lies beyond them may be dead pixels."""
VOI_FUNCTIONS: tuple[VoiFunction, ...] = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


@dataclass(frozen=True)
class Window:
    """A VOI window (C.11.2.1.2), in units of the modality LUT's output."""

    name: str
    centre: float
    width: float
    function: VoiFunction = "LINEAR"

    @property
    def _linear(self) -> tuple[float, float]:
        """Centre and width of the slope from black to white."""
        return (self.centre - 0.5, self.width - 1) if self.function == "LINEAR" else (self.centre, self.width)

    def part(self, low: float, high: float) -> Window:
        """The linear window from one grey of this one to another, 0 black; they may lie below 0 and above 1."""
        centre, width = self._linear
        middle = centre + ((low + high) / 2 - 0.5) * width
        return Window(self.name, middle, (high - low) * width, "LINEAR_EXACT")

    def apply(self, grey: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 [H, W] -> float32 [H, W] in [0, 1]."""
        if self.function == "SIGMOID":
            steepness = np.clip(-4 * (grey - np.float32(self.centre)) / np.float32(self.width), -80, 80)
            return (1 / (1 + np.exp(steepness))).astype(np.float32)
        centre, width = self._linear
        if width <= 0:  # a window of width 1 is a step
            return (grey > np.float32(centre)).astype(np.float32)
        return np.clip((grey - np.float32(centre)) / np.float32(width) + np.float32(0.5), 0, 1)


@dataclass(frozen=True, eq=False)
class Lut:
    """A table for values from `first` on; what lies outside takes its first or last entry (C.11.1.1.1, C.11.2.1.1).

    Attributes:
        entries: float32 [N]; in [0, 1] for a VOI LUT.
    """

    name: str
    first: int
    entries: NDArray[np.float32]

    def apply(self, grey: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 [H, W] -> float32 [H, W]."""
        at = np.clip(np.rint(grey) - self.first, 0, len(self.entries) - 1).astype(np.int32)
        return self.entries[at]


Voi = Window | Lut


@dataclass(frozen=True, eq=False)
class Greyscale:
    """A picture before its window is applied.

    Attributes:
        values: [H, W], output of the modality LUT; float32, or integers of 16 bits (see `compact`).
        padding: bool [H, W], pixels that are no part of the picture; None where there are none.
        inverted: whether low values are bright.
        vois: how the file says to show it, the first by default; never empty.
    """

    values: NDArray[Any]
    padding: NDArray[np.bool_] | None
    inverted: bool
    vois: tuple[Voi, ...]

    def shown(self, voi: Voi | None = None) -> NDArray[np.float32]:
        """float32 [H, W] in [0, 1], 0 black, by a VOI transformation: the first by default."""
        grey = (voi or self.vois[0]).apply(self.values.astype(np.float32, copy=False))
        if self.inverted:
            grey = 1 - grey
        if self.padding is not None:
            grey = np.where(self.padding, np.float32(0), grey)
        return grey

    def part(self, low: float, high: float, voi: Voi | None = None) -> NDArray[np.float32]:
        """float32 [H, W] in [0, 1]: what a VOI transformation shows between two greys, spread from black to white.

        Below 0 and above 1 a linear window goes on with the file's own values; a curve or table ends there.
        """
        voi = voi or self.vois[0]
        if not isinstance(voi, Window) or voi.function == "SIGMOID":
            return spread(self.shown(voi), low, high)
        return self.shown(voi.part(1 - high, 1 - low) if self.inverted else voi.part(low, high))

    def compact(self) -> Greyscale:
        """The same, to the bit, in half the memory, where all values are whole numbers of 16 bits."""
        low, high = float(self.values.min()), float(self.values.max())
        for kind in (np.uint16, np.int16):
            limits = np.iinfo(kind)
            if limits.min <= low and high <= limits.max:
                smaller = self.values.astype(kind)
                if np.array_equal(smaller, self.values):
                    return replace(self, values=smaller)
        return self

    def resized(self, height: int, width: int) -> Greyscale:
        """At another size; averages where it shrinks."""
        if (height, width) == self.values.shape:
            return self
        size = (width, height)
        padding = self.padding
        if padding is not None:
            padding = cv2.resize(padding.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST).astype(bool)
        smaller = cv2.resize(self.values, size, interpolation=cv2.INTER_AREA).astype(np.float32, copy=False)
        return replace(self, values=smaller, padding=padding)

    @property
    def span(self) -> tuple[float, float]:
        """The least and the greatest value of the picture, padding left out."""
        inside = self.values if self.padding is None or self.padding.all() else self.values[~self.padding]
        return float(inside.min()), float(inside.max())


def greyscale(stored: NDArray[Any], header: Dataset) -> Greyscale:
    """Interpret stored values [H, W] by the header.

    A VOI LUT goes before windows. Windows that cannot be, or that show nothing, are passed over; without any, 8-bit
    values are shown from 0 to 255 and deeper ones from the least to the greatest.
    """
    stored = _without_embedded_overlays(stored, header)
    rescaled = _modality(stored, header)
    picture = Greyscale(
        values=rescaled,
        padding=_padding(stored, header),
        inverted=text(header, "PhotometricInterpretation") == "MONOCHROME1"
        or text(header, "PresentationLUTShape").upper() == "INVERSE",
        vois=(),
    )
    low, high = _robust_span(picture)
    if int(header.BitsStored) == 8 and low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    whole = Window("Whole range", (low + high) / 2, max(high - low, 1e-6), "LINEAR_EXACT")
    steps = np.linspace(*picture.span, 256, dtype=np.float32)
    stated: list[Voi] = [*_voi_luts(header), *_windows(header)]
    vois = [voi for voi in stated if np.ptp(voi.apply(steps)) > LEAST_CONTRAST]
    return replace(picture, vois=(*vois, whole))


def _robust_span(picture: Greyscale) -> tuple[float, float]:
    """`Greyscale.span`, unless a few pixels, such as dead ones, stretch it to more than twice that of the rest."""
    low, high = picture.span
    values = picture.values if picture.padding is None else picture.values[~picture.padding]
    least, greatest = (float(v) for v in np.percentile(thinned(values), OUTLIERS))
    spread = greatest - least
    if not 0 < 2 * spread < high - low:
        return low, high
    return max(low, least - spread / 4), min(high, greatest + spread / 4)


def square_pixels(header: Dataset, height: int, width: int) -> tuple[int, int]:
    """Height and width that make non-square pixels square, by shrinking the finer side (C.7.6.3.1.7)."""
    for keyword in ("PixelAspectRatio", "PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        try:
            vertical, horizontal = (float(v) for v in values(header, keyword))
        except (TypeError, ValueError):
            continue
        if min(vertical, horizontal) > 0 and math.isfinite(vertical / horizontal):
            tall = vertical / horizontal
            if abs(tall - 1) < 0.01:
                return height, width
            return (height, round(width / tall)) if tall > 1 else (round(height * tall), width)
    return height, width


def _without_embedded_overlays(stored: NDArray[Any], header: Dataset) -> NDArray[Any]:
    """Old files keep overlays in the bits that the grey values leave free (retired; PS3.5 8.1.2)."""
    bits, allocated = int(header.BitsStored), int(header.BitsAllocated)
    embedded = any(
        element.tag.group & 0xFF01 == 0x6000 and element.tag.element == 0x0100 and element.value not in (None, 1)
        for element in header
    )
    if not embedded or bits >= allocated or stored.dtype.kind not in "iu":
        return stored
    low = stored.astype(np.int64) >> max(0, int(header.get("HighBit", bits - 1)) + 1 - bits) & ((1 << bits) - 1)
    if stored.dtype.kind == "i":
        low = low - ((low >> (bits - 1)) << bits)
    return low.astype(stored.dtype)


def _modality(stored: NDArray[Any], header: Dataset) -> NDArray[np.float32]:
    for item in values(header, "ModalityLUTSequence"):
        if table := _lut(item, header, scaled=False):
            return table.apply(stored.astype(np.float32))
    slope, intercept = value(header, "RescaleSlope"), value(header, "RescaleIntercept")
    grey = stored.astype(np.float32)
    if slope is not None and intercept is not None and float(slope) != 0:
        grey = grey * np.float32(slope) + np.float32(intercept)
    return grey


def _padding(stored: NDArray[Any], header: Dataset) -> NDArray[np.bool_] | None:
    """PixelPaddingValue and PixelPaddingRangeLimit, in stored values (C.7.5.1.1.2)."""
    first = value(header, "PixelPaddingValue")
    if not isinstance(first, int):
        return None
    last = value(header, "PixelPaddingRangeLimit")
    ends = [_as_stored(end, stored) for end in (first, last if isinstance(last, int) else first)]
    padding = (stored >= min(ends)) & (stored <= max(ends))
    return padding if padding.any() and not padding.all() else None


def _as_stored(number: int, stored: NDArray[Any]) -> int:
    """A number whose sign was lost, as when US is written where SS was meant."""
    bits = 8 * stored.dtype.itemsize
    if stored.dtype.kind == "i" and number >= 1 << (bits - 1):
        return number - (1 << bits)
    return number + (1 << bits) if stored.dtype.kind == "u" and number < 0 else number


def _voi_luts(header: Dataset) -> list[Lut]:
    tables = [_lut(item, header, scaled=True) for item in values(header, "VOILUTSequence")]
    return [table for table in tables if table is not None]


def _lut(item: Dataset, header: Dataset, scaled: bool) -> Lut | None:
    """A table of a modality or VOI LUT sequence; None where it is damaged."""
    try:
        count, first, bits = (int(v) for v in item.LUTDescriptor)
        data = item.LUTData
        count = count or 2**16
        if isinstance(data, bytes):
            little = header.original_encoding[1] is not False
            wide = len(data) >= 2 * count
            data = np.frombuffer(data, ("<u2" if little else ">u2") if wide else "u1")
        entries = np.asarray(data, dtype=np.float32)[:count]
    except (AttributeError, TypeError, ValueError):
        return None
    if not len(entries) or not 1 <= bits <= 16 or entries.min() == entries.max():
        return None
    if int(header.get("PixelRepresentation", 0)) == 1 and first >= 1 << 15:
        first -= 1 << 16
    if scaled:
        # Some devices state 16 bits, or 8, whatever the entries fill: the picture would be all but black, or white.
        needed = significant_bits(float(entries.max()))
        if needed < bits or 2**bits <= entries.max():
            bits = needed
        entries = np.clip(entries / np.float32(2**bits - 1), 0, 1)
    return Lut(text(item, "LUTExplanation") or "VOI LUT", first, entries)


def _windows(header: Dataset) -> list[Window]:
    stated = text(header, "VOILUTFunction").upper()
    function: VoiFunction = next((f for f in VOI_FUNCTIONS if f == stated), "LINEAR")
    centres, widths = values(header, "WindowCenter"), values(header, "WindowWidth")
    names = [str(name).strip() for name in values(header, "WindowCenterWidthExplanation")]
    windows: list[Window] = []
    for number, (centre, width) in enumerate(zip(centres, widths, strict=False)):
        try:
            c, w = float(centre), float(width)
        except (TypeError, ValueError):
            continue
        if math.isfinite(c) and math.isfinite(w) and w >= (1 if function == "LINEAR" else 1e-9):
            name = names[number] if number < len(names) and names[number] else f"Window {number + 1}"
            windows.append(Window(name, c, w, function))
    return windows

"""A DICOM file's bytes -> `Dicom`, or the reason why it cannot be screened."""

from __future__ import annotations

import io
import logging
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pydicom
from libjpeg.utils import get_parameters as jpeg_parameters
from numpy.typing import NDArray
from openjpeg.utils import get_parameters as jpeg2000_parameters
from pydicom import config, uid
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.utils import pixel_array

from pulmoscan import errors
from pulmoscan.reading.dicom.facts import FRONTAL, Facts, facts, kind, text, value, values
from pulmoscan.reading.dicom.facts import body_part as stated_body_part
from pulmoscan.reading.dicom.facts import view as stated_view
from pulmoscan.reading.dicom.greyscale import Greyscale, greyscale, square_pixels

# What pydicom says of odd values quotes them, and they may be the patient's.
config.settings.reading_validation_mode = config.IGNORE
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module=r"pydicom\b")

MAX_PIXELS = 50_000_000
MAX_INFLATED_BYTES = 400 * 2**20
VIEW_SIDE = 1400  # pixels of the copy that is kept for viewing at other windows

RADIOGRAPHS = ("CR", "DX", "RG")
UNSURE = ("OT", "SC", "XR", "")
CHEST_WORDS = ("CHEST", "THORAX", "THORAC", "TORAX", "LUNG", "PULM", "PECHO", "POUMON", "RIB")
NO_BODY_PART = ("UNKNOWN", "OTHER", "DEFAULT", "UNDEFINED", "NONE", "NA", "N/A")
NO_VIEW = ("UNKNOWN", "OTHER", "DEFAULT", "UNDEFINED", "NONE", "NA", "N/A", "PORTABLE")
SECONDARY_CAPTURE = uid.SecondaryCaptureImageStorage
FOR_PROCESSING = uid.DigitalXRayImageStorageForProcessing
RADIOGRAPH_CLASSES = (
    uid.ComputedRadiographyImageStorage,
    uid.DigitalXRayImageStorageForPresentation,
    FOR_PROCESSING,
    SECONDARY_CAPTURE,
)
JPEG_START = b"\xff\xd8"
JPEG_2000_STARTS = (b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  ")
GREY = ("MONOCHROME1", "MONOCHROME2")


@dataclass(frozen=True, eq=False, repr=False)
class Dicom:
    """What a DICOM file holds besides the pixels that the model sees. No `repr`: the header names the patient.

    Attributes:
        header: all elements but the pixels, for exports that go to the same study.
        view: the picture at up to `VIEW_SIDE` pixels a side before its window, for viewing at another.
        warnings: sentences on what speaks against trusting the result.
    """

    facts: Facts
    header: Dataset
    view: Greyscale
    warnings: tuple[str, ...]


def is_dicom(data: bytes) -> bool:
    """Whether the bytes may be a DICOM file: with its magic word, or beginning with an element of a header."""
    if data[128:132] == b"DICM" or data[:4] == b"DICM":
        return True
    orders: tuple[Literal["little", "big"], ...] = ("little", "big")
    for order in orders:
        group, element = (int.from_bytes(data[at : at + 2], order) for at in (0, 2))
        if group in (0x0002, 0x0008) and element <= 0x0100 and len(data) > 64:
            return _has_header(data)
    return False


def _has_header(data: bytes) -> bool:
    try:
        header = pydicom.dcmread(io.BytesIO(data), force=True, stop_before_pixels=True)
    except Exception:
        return False
    return bool(value(header, "SOPClassUID") or value(header, "Rows"))


def read_dicom(data: bytes) -> tuple[NDArray[np.float32], Dicom]:
    """Decode the radiograph of a DICOM file, shown by the file's own first VOI transformation.

    Returns:
        float32 [H, W] in [0, 1], 0 black, with square pixels, and what else the file holds.

    Raises:
        RadiographError: one of its kinds, with a message for a person.
    """
    try:
        return _read(data)
    except errors.RadiographError:
        raise
    except Exception as error:  # pydicom and each decoder raise what they like on damaged files
        raise errors.DamagedDicom from error


def _read(data: bytes) -> tuple[NDArray[np.float32], Dicom]:
    dataset = _parse(data)
    _check_kind(dataset)
    _check_shape(dataset)
    syntax = _transfer_syntax(dataset)
    stored = _decode(dataset, syntax)
    whole = greyscale(stored, dataset)
    height, width = (max(1, side) for side in square_pixels(dataset, *stored.shape))
    whole = whole.resized(height, width)
    factor = min(1.0, VIEW_SIDE / max(height, width))
    view = whole.resized(max(1, round(height * factor)), max(1, round(width * factor)))
    header = Dataset({tag: dataset.get_item(tag) for tag in dataset.keys() if tag.group < 0x7FE0})  # noqa: SIM118
    implicit, little = dataset.original_encoding
    header.set_original_encoding(implicit, little, dataset.original_character_set)
    return whole.shown(), Dicom(facts(header, syntax.name), header, view, tuple(_warnings(dataset)))


def _parse(data: bytes) -> FileDataset:
    if data[:4] == b"DICM":
        data = bytes(128) + data
    _check_inflation(data)
    return pydicom.dcmread(io.BytesIO(data), force=True)


def _check_inflation(data: bytes) -> None:
    """A deflated file of a few bytes may unpack to more than there is memory."""
    start = 132 if data[128:132] == b"DICM" else 0
    if data.find(uid.DeflatedExplicitVRLittleEndian.encode(), start, start + 4096) < 0:
        return
    # File meta begins with its own length: (0002,0000) UL, 4 bytes (PS3.10 7.1).
    end = start + 12 + int.from_bytes(data[start + 8 : start + 12], "little")
    unpacked = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data[end:], MAX_INFLATED_BYTES + 1)
    if len(unpacked) > MAX_INFLATED_BYTES:
        raise errors.ImageTooLarge(MAX_PIXELS)


def _check_kind(dataset: Dataset) -> None:
    """Refuse what is no frontal chest radiograph by its own header."""
    modality, sop_class = text(dataset, "Modality").upper(), value(dataset, "SOPClassUID")
    if "PixelData" not in dataset:
        raise errors.DicomWithoutPixels(_kind_of_file(dataset))
    if modality not in RADIOGRAPHS and not (modality in UNSURE and sop_class in (None, *RADIOGRAPH_CLASSES)):
        raise errors.DicomModality(modality, kind(dataset))
    if sop_class == FOR_PROCESSING or text(dataset, "PresentationIntentType").upper() == "FOR PROCESSING":
        raise errors.DicomForProcessing
    frames = text(dataset, "NumberOfFrames") or "1"
    if frames != "1":
        raise errors.AnimatedImage(int(frames)) if frames.isdecimal() else errors.DamagedDicom
    photometric = text(dataset, "PhotometricInterpretation")
    if photometric not in GREY or value(dataset, "SamplesPerPixel") not in (1, None):
        raise errors.DicomColour(photometric or "colour")
    part = stated_body_part(dataset).upper()
    if part and part not in NO_BODY_PART and not any(word in part for word in CHEST_WORDS):
        raise errors.DicomBodyPart(part)
    view = stated_view(dataset).upper()
    if view and view not in NO_VIEW and not _is_frontal(view):
        raise errors.DicomView(view)


def _is_frontal(view: str) -> bool:
    words = view.replace("_", " ").replace("-", " ").replace(".", " ").split()
    return not {"LATERAL", "LAT", "LL", "RL"} & set(words) and bool({*FRONTAL, "FRONTAL"} & set(words))


def _kind_of_file(dataset: Dataset) -> str:
    """In words, also for files whose SOP class stands in the file meta alone."""
    if value(dataset, "SOPClassUID"):
        return kind(dataset)
    stored = getattr(getattr(dataset, "file_meta", None), "MediaStorageSOPClassUID", None)
    return str(getattr(stored, "name", stored or text(dataset, "Modality") or "unknown")).removesuffix(" Storage")


def _check_shape(dataset: Dataset) -> None:
    rows, columns = value(dataset, "Rows"), value(dataset, "Columns")
    if (
        not isinstance(rows, int)
        or not isinstance(columns, int)
        or not all(isinstance(value(dataset, k), int) for k in ("BitsAllocated", "BitsStored"))
    ):
        raise errors.DamagedDicom
    if rows * columns > MAX_PIXELS:
        raise errors.ImageTooLarge(MAX_PIXELS)


def _transfer_syntax(dataset: FileDataset) -> uid.UID:
    """The stated one; a file without file meta tells by how it was read."""
    meta = getattr(dataset, "file_meta", None)
    stated = getattr(meta, "TransferSyntaxUID", None)
    if not stated:
        implicit, little = dataset.original_encoding
        if dataset["PixelData"].is_undefined_length:
            raise errors.DicomEncoding("not named in the file")
        stated = uid.ImplicitVRLittleEndian if implicit else uid.ExplicitVRLittleEndian
        stated = stated if little else uid.ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = stated
    return uid.UID(stated)


def _decode(dataset: FileDataset, syntax: uid.UID) -> NDArray[Any]:
    """Stored values [H, W], integers."""
    try:
        decodable = get_decoder(syntax).is_available
    except NotImplementedError:
        decodable = False
    if not decodable:
        raise errors.DicomEncoding(syntax.name)
    _check_codestream(dataset, syntax)
    # The Rust decoder of RLE ends in a panic on damaged files, which no `except Exception` catches.
    stored = pixel_array(dataset, decoding_plugin="pydicom" if syntax == uid.RLELossless else "")
    if stored.shape != (dataset.Rows, dataset.Columns) or stored.dtype.kind not in "iu":
        raise errors.DamagedDicom
    return stored


def _check_codestream(dataset: Dataset, syntax: uid.UID) -> None:
    """A codestream has a size of its own; one larger than the header's could fill the memory."""
    if not syntax.is_encapsulated:
        return
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    if syntax == uid.RLELossless:
        # Runs hold at most 128 literal bytes a header byte.
        if len(frame) > 64 + 2 * dataset.Rows * dataset.Columns * max(1, dataset.BitsAllocated // 8):
            raise errors.DamagedDicom
        return
    if frame.startswith(JPEG_START):
        found: Mapping[str, object] = jpeg_parameters(frame)
    elif frame.startswith(JPEG_2000_STARTS):
        found = jpeg2000_parameters(frame)
    else:
        raise errors.DamagedDicom
    if (found["rows"], found["columns"]) != (dataset.Rows, dataset.Columns):
        raise errors.DamagedDicom


def _warnings(dataset: Dataset) -> list[str]:
    found = []
    modality = text(dataset, "Modality").upper()
    if value(dataset, "SOPClassUID") == SECONDARY_CAPTURE or modality in UNSURE:
        found.append(
            "The DICOM file is a secondary capture or does not name a radiograph's modality: how its grey values came "
            "about is unknown."
        )
    if text(dataset, "BurnedInAnnotation").upper() == "YES":
        found.append("Text is burnt into the picture: it may name the patient, also in anonymous exports.")
    if stated_view(dataset).upper() in ("", *NO_VIEW):
        found.append("The view position is missing from the DICOM file. The models know frontal views only.")
    orientation = [str(v).upper() for v in values(dataset, "PatientOrientation")]
    if len(orientation) == 2 and all(orientation) and not (orientation[0][0] == "L" and orientation[1][0] == "F"):
        found.append(
            "The DICOM file says that the picture is not upright with the patient's left on the right side: turn it in "
            "the viewer and export it again."
        )
    return found

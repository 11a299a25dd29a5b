"""A DICOM file's bytes -> `Dicom`, or the reason why it cannot be screened."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from openjpeg.utils import get_parameters as jpeg2000_parameters
from pydicom import uid
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import get_frame
from pydicom.filereader import _read_file_meta_info, read_preamble
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.utils import pixel_array

from pulmoscan import errors
from pulmoscan.reading.dicom import jpeg, jpeg2000, suitability
from pulmoscan.reading.dicom.facts import Facts, facts, photometric, text, value, without_escapes
from pulmoscan.reading.dicom.greyscale import Greyscale, greyscale, square_pixels
from pulmoscan.reading.limits import MAX_PIXELS
from pulmoscan.settings import set_up_pydicom

set_up_pydicom()

MAX_INFLATED_BYTES = 400 * 2**20

JPEG_START = b"\xff\xd8"
JPEG_2000_STARTS = (b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  ")


@dataclass(frozen=True, eq=False, repr=False)
class Dicom:
    """What a DICOM file holds besides the pixels that the model sees. No `repr`: the header names the patient.

    Attributes:
        header: all elements but the pixels, for exports that go to the same study.
        view: the picture before its window, for viewing at another.
        warnings: sentences on what speaks against trusting the result.
    """

    facts: Facts
    header: Dataset
    view: Greyscale
    warnings: tuple[str, ...]


def read_dicom(data: bytes, unpack: Callable[[bytes], NDArray[Any]] | None = None) -> tuple[NDArray[np.float32], Dicom]:
    """Decode the radiograph of a DICOM file, shown by the file's own first VOI transformation.

    Args:
        unpack: what is asked for the stored values where they are compressed; `stored_values` by default.

    Returns:
        float32 [H, W] in [0, 1], 0 black, with square pixels, and what else the file holds.

    Raises:
        RadiographError: one of its kinds, with a message for a person.
    """
    try:
        return _read(data, unpack or stored_values)
    except errors.RadiographError:
        raise
    except Exception as error:  # pydicom and each decoder raise what they like on damaged files
        raise errors.DamagedDicom from error


def stored_values(data: bytes) -> NDArray[Any]:
    """The stored values [H, W] of a DICOM file, integers.

    Raises:
        RadiographError: one of its kinds.
    """
    try:
        dataset, _ = _checked(data)
        return _decode(dataset, _transfer_syntax(dataset))
    except errors.RadiographError:
        raise
    except Exception as error:  # as above
        raise errors.DamagedDicom from error


def _checked(data: bytes) -> tuple[FileDataset, tuple[str, ...]]:
    """The file's elements, of a picture that may be decoded, and what to warn of."""
    dataset = _parse(data)
    suitability.check(dataset)
    _check_shape(dataset)
    warned = tuple(suitability.warnings(dataset))
    _mend(dataset)
    return dataset, warned


def _read(data: bytes, unpack: Callable[[bytes], NDArray[Any]]) -> tuple[NDArray[np.float32], Dicom]:
    dataset, warned = _checked(data)
    syntax = _transfer_syntax(dataset)
    compressed = syntax.is_transfer_syntax and syntax.is_encapsulated
    stored = unpack(data) if compressed else _decode(dataset, syntax)
    whole = greyscale(stored, dataset)
    height, width = (max(1, side) for side in square_pixels(dataset, *stored.shape))
    whole = whole.resized(height, width)
    header = Dataset({tag: dataset.get_item(tag) for tag in dataset.keys() if tag.group < 0x7FE0})  # noqa: SIM118
    implicit, little = dataset.original_encoding
    header.set_original_encoding(implicit, little, dataset.original_character_set)
    without_escapes(header)
    return whole.shown(), Dicom(facts(header, syntax.name), header, whole.compact(), warned)


def _parse(data: bytes) -> FileDataset:
    if data[:4] == b"DICM":
        data = bytes(128) + data
    _check_inflation(data)
    dataset = pydicom.dcmread(io.BytesIO(data), force=True)
    _represent_as_standard(dataset)
    return dataset


def _represent_as_standard(dataset: Dataset) -> None:
    """Read each element by the value representation that the standard gives it, where the file states another.

    Else a number may stand where whoever writes an export expects a text.
    """
    for tag in [tag for tag in dataset.keys() if dictionary_has_tag(tag)]:  # noqa: SIM118
        element, standard = dataset.get_item(tag), dictionary_VR(tag)
        # Which of two it is, such as “US or SS”, the file alone knows; what is no sequence is none anywhere.
        if element is None or element.VR in (None, standard) or " " in standard or standard == "SQ":
            continue
        if isinstance(element, RawDataElement) and element.VR != "SQ":
            dataset[tag] = element._replace(VR=standard)
        else:
            dataset[tag] = DataElement(tag, standard, None)  # it was empty, or made to what it is not


def _check_inflation(data: bytes) -> None:
    """A deflated file of a few bytes may unpack to more than there is memory."""
    file = io.BytesIO(data)
    read_preamble(file, force=True)
    meta = _read_file_meta_info(file)  # as pydicom itself does, whatever the file says of its length
    if meta.get("TransferSyntaxUID") != uid.DeflatedExplicitVRLittleEndian:
        return
    unpacked = zlib.decompressobj(-zlib.MAX_WBITS).decompress(file.read(), MAX_INFLATED_BYTES + 1)
    if len(unpacked) > MAX_INFLATED_BYTES:
        raise errors.ImageTooLarge(MAX_PIXELS)


def _mend(dataset: Dataset) -> None:
    """Write plainly what the header meant, where decoders would stumble over how it says it."""
    if "NumberOfFrames" in dataset:
        dataset.NumberOfFrames = 1
    if text(dataset, "PhotometricInterpretation") != photometric(dataset):
        dataset.PhotometricInterpretation = photometric(dataset)
    if value(dataset, "SamplesPerPixel") is None:
        dataset.SamplesPerPixel = 1


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
    stored = pixel_array(dataset, decoding_plugin=_plugin(syntax))
    if stored.shape != (dataset.Rows, dataset.Columns) or stored.dtype.kind not in "iu":
        raise errors.DamagedDicom
    return stored


def _plugin(syntax: uid.UID) -> str:
    """Which of pydicom's plugins decodes; empty: whichever can. A set-up may hold more of them than ours."""
    if syntax in jpeg.DECODER_DEPENDENCIES:
        return jpeg.PLUGIN
    # The Rust decoder of RLE ends in a panic on damaged files, which no `except Exception` catches.
    return "pydicom" if syntax == uid.RLELossless else ""


def _check_codestream(dataset: Dataset, syntax: uid.UID) -> None:
    """A codestream has a size of its own; one larger than the header's could fill the memory.

    Raises:
        DamagedDicom: another size than the header's, a codestream that was cut, or none.
    """
    if not syntax.is_encapsulated:
        return
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    if syntax == uid.RLELossless:
        # Runs hold at most 128 literal bytes a header byte.
        if len(frame) > 64 + 2 * dataset.Rows * dataset.Columns * max(1, dataset.BitsAllocated // 8):
            raise errors.DamagedDicom
        return
    if frame.startswith(JPEG_START):
        if not jpeg.is_whole(frame):
            raise errors.DamagedDicom
        size = jpeg.frame_size(frame)
    elif frame.startswith(JPEG_2000_STARTS):
        if not jpeg2000.is_reasonable(frame):
            raise errors.DamagedDicom
        found = jpeg2000_parameters(frame)
        size = int(found["rows"]), int(found["columns"])
    else:
        raise errors.DamagedDicom
    if size != (dataset.Rows, dataset.Columns):
        raise errors.DamagedDicom

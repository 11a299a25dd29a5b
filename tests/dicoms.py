"""Made-up DICOM radiographs, in every transfer syntax that a test asks for."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

from pulmoscan.reading.radiograph import Radiograph, load_radiograph
from tests.pictures import chest

# dcmtk encodes what no Python package does.
DCMTK = {
    uid.JPEGExtended12Bit: ("dcmcjpeg", "+ee", "+q", "98"),
    uid.JPEGLossless: ("dcmcjpeg", "+el"),
    uid.JPEGLosslessSV1: ("dcmcjpeg", "+e1"),
}
LOSSLESS = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
    uid.RLELossless,
    uid.JPEGLossless,
    uid.JPEGLosslessSV1,
    uid.JPEGLSLossless,
    uid.JPEG2000Lossless,
)
LOSSY = (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLSNearLossless, uid.JPEG2000)


def dicom(
    bits: int = 12, height: int = 96, width: int = 128, seed: int = 0, picture: NDArray[Any] | None = None, **more: Any
) -> Dataset:
    """`chest` as a digital radiograph of that many bits.

    Args:
        picture: [H, W] in [0, 1], instead of `chest`.
        more: elements to set, by keyword; None removes one.
    """
    grey = chest(height, width, seed) if picture is None else picture
    stored = np.round(grey * (2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.SOPClassUID = uid.DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = uid.generate_uid()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = uid.generate_uid(), uid.generate_uid()
    dataset.Modality = "DX"
    dataset.BodyPartExamined = "CHEST"
    dataset.ViewPosition = "PA"
    dataset.PatientName, dataset.PatientID = "Doe^Jane", "MRN-4711"
    dataset.PatientSex, dataset.PatientAge, dataset.PatientBirthDate = "F", "034Y", "19900102"
    dataset.StudyDate, dataset.StudyTime, dataset.StudyID = "20240203", "101112", "77"
    dataset.AccessionNumber, dataset.ReferringPhysicianName = "ACC-99", "Who^Doctor"
    dataset.InstitutionName = "Saint Elsewhere"
    dataset.SeriesNumber, dataset.InstanceNumber = 1, 1
    dataset.Rows, dataset.Columns = stored.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8 * stored.itemsize, bits, bits - 1
    dataset.PixelRepresentation = 0
    dataset.PixelData = stored.tobytes()
    dataset["PixelData"].VR = "OB" if bits == 8 else "OW"
    for keyword, value in more.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset


def stored(dataset: Dataset) -> NDArray[Any]:
    """The stored values of an uncompressed data set of `dicom`."""
    kind = ("i" if dataset.PixelRepresentation else "u") + str(dataset.BitsAllocated // 8)
    return np.frombuffer(dataset.PixelData, kind).reshape(dataset.Rows, dataset.Columns)


def save(dataset: Dataset, syntax: uid.UID = uid.ExplicitVRLittleEndian, **options: Any) -> bytes:
    """The data set as a file in one of the uncompressed transfer syntaxes."""
    dataset.file_meta.TransferSyntaxUID = syntax
    file = io.BytesIO()
    implicit, little = syntax == uid.ImplicitVRLittleEndian, syntax != uid.ExplicitVRBigEndian
    if not little:
        dataset = pydicom.dcmread(io.BytesIO(save(dataset)))
        if dataset.BitsAllocated == 16:
            dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
        dataset.file_meta.TransferSyntaxUID = syntax
        pydicom.dcmwrite(file, dataset, implicit_vr=implicit, little_endian=little, force_encoding=True)
    else:
        options.setdefault("enforce_file_format", True)
        pydicom.dcmwrite(file, dataset, implicit_vr=implicit, little_endian=True, **options)
    return file.getvalue()


def can_encode(syntax: uid.UID) -> bool:
    """Whether what encodes it is installed."""
    return syntax not in DCMTK or shutil.which(DCMTK[syntax][0]) is not None


def encode(dataset: Dataset, syntax: uid.UID, folder: Path) -> bytes:
    """The data set as a file in any of the transfer syntaxes."""
    if not syntax.is_encapsulated:
        return save(dataset, syntax)
    if syntax in DCMTK:
        plain, packed = folder / "plain.dcm", folder / "packed.dcm"
        plain.write_bytes(save(dataset))
        program, *options = DCMTK[syntax]
        subprocess.run([program, *options, str(plain), str(packed)], check=True, timeout=60)
        return packed.read_bytes()
    copy = pydicom.dcmread(io.BytesIO(save(dataset)))
    if syntax == uid.JPEGBaseline8Bit:
        jpeg = io.BytesIO()
        Image.fromarray(stored(dataset)).save(jpeg, "JPEG", quality=90)
        copy.PixelData = encapsulate([jpeg.getvalue()])
        copy["PixelData"].is_undefined_length = True
        copy.file_meta.TransferSyntaxUID = syntax
    else:
        losses: dict[uid.UID, dict[str, Any]] = {
            uid.JPEGLSNearLossless: {"jls_error": 2},
            uid.JPEG2000: {"j2k_cr": [8]},
        }
        copy.compress(syntax, generate_instance_uid=False, **losses.get(syntax, {}))
    file = io.BytesIO()
    pydicom.dcmwrite(file, copy)
    return file.getvalue()


def load(dataset: Dataset) -> Radiograph:
    """The data set as the app reads it from a file."""
    return load_radiograph(save(dataset), "chest.dcm")


def shown(dataset: Dataset) -> Any:
    """The pixels of `load`."""
    return load(dataset).pixels

"""A full-size file -> result: where the milliseconds go."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.timing import Stopwatch, Times, interleave
from pulmoscan.errors import RadiographError
from pulmoscan.gallery.samples import gallery
from pulmoscan.models import gradcam, preprocessing
from pulmoscan.models.loading import load_classifier
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.screening import read_with

DISPLAY_SIDE = 1400  # as pulmoscan.ui.panels.heatmap.LARGEST_SIDE


def files() -> dict[str, bytes]:
    """A radiograph of the gallery, enlarged, with a detector's noise, as the files that hospitals and people have."""
    deep = _enlarged(2500, 3000)
    shallow = (_enlarged(3000, 4000) * 255).astype(np.uint8)
    made = {
        "16-bit DICOM, 3,000 × 2,500": _dicom(deep),
        "16-bit PNG, 3,000 × 2,500": _encoded(
            Image.fromarray((deep * 65535).astype(np.uint16)), "PNG", compress_level=1
        ),
        "grey JPEG, 12 megapixels": _encoded(Image.fromarray(shallow), "JPEG", quality=92),
        "colour JPEG, 12 megapixels": _encoded(Image.fromarray(shallow).convert("RGB"), "JPEG", quality=92),
    }
    return {name: data for name, data in made.items() if _readable(data)}


def measure(model: str, rounds: int, clock: str, tick: Callable[[], object]) -> dict[str, dict[str, Times]]:
    """For each file the stages from its bytes to the overlay at display size."""
    classifier = load_classifier(model)

    def run(data: bytes, watch: Stopwatch) -> None:
        radiograph = load_radiograph(data, "file")
        watch.lap("decode")
        x = preprocessing.model_input(radiograph.pixels)
        watch.lap("preprocess")
        classifier.forward(x)
        watch.lap("forward")
        factor = DISPLAY_SIDE / max(radiograph.pixels.shape)
        shown = cv2.resize(radiograph.pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        watch.lap("to display size")
        heat = reading.heatmap(*shown.shape)
        gradcam.overlay(shown.astype(np.float32, copy=False), heat, 0.6)
        watch.lap("heatmap, overlay")

    result = {}
    for name, data in files().items():
        reading = read_with(classifier, load_radiograph(data, "file"))
        ways: dict[str, Callable[[Stopwatch], object]] = {"total": partial(run, data)}
        result[name] = interleave(ways, rounds, warm_up=1, tick=tick, clock=clock)
    return result


def _enlarged(width: int, height: int) -> NDArray[np.float32]:
    sample = load_radiograph(gallery()[0].path).pixels
    large = cv2.resize(sample, (width, height), interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(0).normal(0, 0.01, large.shape)
    return np.clip(large + noise, 0, 1).astype(np.float32)


def _encoded(image: Image.Image, file_format: str, **options: int) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def _readable(data: bytes) -> bool:
    try:
        load_radiograph(data, "file")
    except RadiographError:
        return False
    return bool(data)


def _dicom(pixels: NDArray[np.float32]) -> bytes:
    """Digital X-ray, 14 of 16 bits, uncompressed; empty where pydicom is not installed."""
    try:
        import pydicom
        from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid
    except ImportError:
        return b""
    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = pydicom.Dataset()
    dataset.file_meta = meta
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    dataset.Modality, dataset.BodyPartExamined, dataset.ViewPosition = "DX", "CHEST", "PA"
    dataset.PatientAge = "045Y"
    dataset.PhotometricInterpretation, dataset.SamplesPerPixel = "MONOCHROME2", 1
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 14, 13, 0
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.WindowCenter, dataset.WindowWidth = 8192, 16384
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.PixelData = (pixels * 16383).astype("<u2").tobytes()
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()

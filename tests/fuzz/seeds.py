"""Sound files of every kind, to be spoilt."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from safetensors.numpy import save as save_tensors

from pulmoscan.settings import REPOSITORY
from tests.dicoms import LOSSLESS, LOSSY, can_encode, dicom, encode, save
from tests.pictures import chest, grey8, grey16, tiff
from tests.pictures import encode as picture
from tests.reading.test_intake import zipped

CASES = Path(__file__).resolve().parent.parent / "cases"


def seeds(folder: Path) -> Mapping[str, Sequence[bytes]]:
    """By kind; `folder` is for what the encoders write meanwhile."""
    folder.mkdir()
    grey = Image.fromarray(grey8(80, 72))
    colour = grey.convert("RGB")
    deep, real = grey16(12, 80, 72), chest(80, 72).astype(np.float32)
    found: dict[str, list[bytes]] = {
        "dicom": [*_dicoms(folder), *(path.read_bytes() for path in sorted(CASES.glob("*.dcm")))],
        "png": [picture(grey, "PNG"), picture(deep, "PNG"), picture(grey.convert("P"), "PNG", transparency=0)],
        "jpeg": [picture(grey, "JPEG"), picture(colour, "JPEG", progressive=True), picture(grey, "MPO", save_all=True)],
        "tiff": [
            tiff(grey8(80, 72)),
            tiff(deep, ">", white_is_zero=True),
            tiff(real),
            picture(grey, "TIFF", compression="tiff_lzw"),
            picture(colour, "TIFF", compression="tiff_adobe_deflate"),
        ],
        "bmp": [picture(grey, "BMP"), picture(colour, "BMP")],
        "webp": [picture(colour, "WEBP"), picture(colour, "WEBP", lossless=True)],
        "scores": [_scores()],
        "card": [path.read_bytes() for path in sorted((REPOSITORY / "weights").glob("resnet18.json"))],
        "safetensors": [save_tensors({"a": np.zeros((3, 4), np.float32), "b": np.ones(7, np.float16)})],
        "results": _results(),
    }
    found["zip"] = [
        zipped({"a.png": found["png"][0], "below/b.dcm": found["dicom"][0], "notes.txt": b"no image"}),
        zipped({"a.png": found["png"][0]}, 0),
        zipped({"a.jpg": found["jpeg"][0], "inner.zip": zipped({"b.png": b""})}, 14),
    ]
    found["export"] = found["dicom"]
    return {kind: files for kind, files in found.items() if files}


def _dicoms(folder: Path) -> list[bytes]:
    found = []
    for syntax in (*LOSSLESS, *LOSSY):
        if can_encode(syntax):
            bits = 8 if syntax == uid.JPEGBaseline8Bit else 12
            found.append(encode(dicom(bits, 80, 72), syntax, folder))
    table = Dataset()
    table.LUTDescriptor, table.LUTExplanation = [256, 0, 12], "made up"
    table.add_new("LUTData", "OW", np.arange(0, 4096, 16, dtype="<u2").tobytes())
    rich = dicom(
        12,
        80,
        72,
        WindowCenter=[2000, 1000],
        WindowWidth=[4000, 500],
        WindowCenterWidthExplanation=["a", "b"],
        RescaleSlope="1.5",
        RescaleIntercept="-10",
        VOILUTSequence=DicomSequence([table]),
        PixelPaddingValue=0,
        PixelSpacing=["0.2", "0.3"],
        NumberOfFrames="1",
        SpecificCharacterSet=["", "ISO 2022 IR 58"],
        PatientOrientation=["L", "F"],
    )
    return [*found, save(rich), save(rich, uid.ImplicitVRLittleEndian), save(rich)[132:]]


def _results() -> list[bytes]:
    row = {
        "file": "a.png",
        "status": "ok",
        "model": "resnet18",
        "probability": 0.5,
        "warnings": [],
        "milliseconds": 3.0,
    }
    lines = "".join(json.dumps({**row, "file": f"{i}.png"}) + "\n" for i in range(5))
    table = "file,status,model,probability,milliseconds\n" + "".join(f"{i}.png,ok,resnet18,0.5,3\n" for i in range(5))
    return [lines.encode(), table.encode()]


def _scores() -> bytes:
    return ("id,score,label\n" + "".join(f"{i}.png,0.{i},{i % 2}\n" for i in range(10, 40))).encode()

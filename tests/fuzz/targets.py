"""What a kind of file is given to. Each returns, or raises what is no error of its own kind: that is a find."""

from __future__ import annotations

import contextlib
import functools
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from unittest import mock

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors

from pulmoscan.batch.resume import finished
from pulmoscan.errors import ModelError, PulmoScanError, RadiographError, ScoreTableError
from pulmoscan.export import Report
from pulmoscan.export.formats import FORMATS, write_report
from pulmoscan.models import registry
from pulmoscan.models.card import read_card
from pulmoscan.reading import intake
from pulmoscan.reading.listing import PassedOver
from pulmoscan.reading.radiograph import Radiograph, load_radiograph
from pulmoscan.screening import decide
from pulmoscan.statistics.score_table import read_score_table
from tests.export.conftest import reading

QUICK = ("dicom-sr", "dicom-sc", "png", "json")
"""The PDF takes a hundred times as long as the rest, and is written for one input in fifty."""
ONE_IN = 50

_count = 0


def read(data: bytes) -> Radiograph | None:
    """A file as the app reads it; what comes of it is sound."""
    try:
        found = load_radiograph(data, "fuzz")
    except RadiographError as error:
        if not str(error).strip():
            raise AssertionError("an error without words") from error
        return None
    pixels = found.pixels
    if pixels.dtype != np.float32 or not np.isfinite(pixels).all() or not 0 <= pixels.min() < pixels.max() <= 1:
        raise AssertionError("pixels that are none")
    if found.dicom:
        for facts in (found.dicom.facts.rows(), found.dicom.facts.identity.rows()):
            if not all(isinstance(value, str) for _, value in facts):
                raise AssertionError("a fact that is no text")
    return found


def export(data: bytes) -> None:
    """A DICOM file and, where it can be read, its exports, named and without names."""
    global _count
    found = read(data)
    if found is None:
        return
    _count += 1
    outcome = decide(reading(found))
    for anonymous in (False, True):
        report = Report(found, outcome, anonymous)
        for name in FORMATS:
            if name in QUICK or _count % ONE_IN == 0:
                write_report(report, name)


def archive(data: bytes) -> None:
    """An uploaded zip: what it lists, and each of its members."""
    passed_over: list[PassedOver] = []
    for item in intake.upload_items("x.zip", data, passed_over):
        with contextlib.suppress(RadiographError):
            read(item.read())


def scores(data: bytes) -> None:
    """A table for the threshold lab."""
    with contextlib.suppress(ScoreTableError):
        read_score_table(data)


def card(data: bytes) -> None:
    """A model's card."""
    spec = registry.MODELS["resnet18"]
    with mock.patch.dict("os.environ", PULMOSCAN_WEIGHTS=str(_scratch())):
        spec.card_path.write_bytes(data)
        with contextlib.suppress(ModelError):
            read_card(spec)


def tensors(data: bytes) -> None:
    """A weights file."""
    with contextlib.suppress(SafetensorError):
        load_tensors(data)


def results(data: bytes) -> None:
    """What an earlier run has written."""
    path = _scratch() / "results"
    path.write_bytes(data)
    with contextlib.suppress(PulmoScanError):
        finished(path, "resnet18")


@functools.cache
def _scratch() -> Path:
    """A folder of this process's own for files that are read by their path."""
    return Path(tempfile.mkdtemp())


def _picture(data: bytes) -> None:
    read(data)


SHARES: Mapping[str, float] = {
    "dicom": 5,
    "png": 3,
    "jpeg": 5,
    "tiff": 4,
    "zip": 4,
    "webp": 2,
    "bmp": 1,
    "scores": 4,
    "card": 1,
    "safetensors": 3,
    "results": 4,
    "export": 0.25,
}
"""How often a kind's turn comes. An export takes fifty times as long as the rest, and reading has many more ways to go
wrong: at equal parts, the exports would take all the time."""

TARGETS: Mapping[str, Callable[[bytes], None]] = {
    **dict.fromkeys(("dicom", "png", "jpeg", "tiff", "bmp", "webp"), _picture),
    "export": export,
    "zip": archive,
    "scores": scores,
    "card": card,
    "safetensors": tensors,
    "results": results,
}

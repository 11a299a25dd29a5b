"""Reports on made-up radiographs with made-up readings: no model runs here."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from dicom_validator.validator.dicom_info import DicomInfo

from pulmoscan.export import Report
from pulmoscan.models.card import Card
from pulmoscan.models.registry import get_spec
from pulmoscan.population import POPULATIONS
from pulmoscan.reading.radiograph import Radiograph, load_radiograph
from pulmoscan.screening import Reading, decide
from pulmoscan.statistics.metrics import Scores
from tests.dicoms import dicom, save
from tests.export.standard_tables import fetched, tables
from tests.pictures import encode, grey8

MakeReport = Callable[..., Report]
IDENTIFIERS = ("Doe", "Jane", "MRN-4711", "19900102", "ACC-99", "Elsewhere", "Who^", "ward-7", "20240203", "Other^Name")


@pytest.fixture(scope="session")
def standard() -> DicomInfo:
    """dicom-validator's own tables where they could be fetched, else those made of highdicom's."""
    return fetched() or tables()


def without_streams(pdf: bytes) -> bytes:
    """A PDF's objects without their compressed streams, in which any three letters turn up by chance."""
    return re.sub(rb"stream.*?endstream", b"", pdf, flags=re.DOTALL)


def reading(radiograph: Radiograph, probability: float = 0.6543) -> Reading:
    """A reading with heat in the middle, by a card that measured 200 normals and 350 pneumonias of each population."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[-1:1:7j, -1:1:7j]
    evidence = np.exp(-4 * (x**2 + y**2)).astype(np.float32)
    card = Card(
        weights_sha256="0123456789abcdef" * 4,
        thresholds={"child": 0.31, "adult": 0.42},
        target_sensitivity={"child": 0.995, "adult": 0.95},
        heat_method="hirescam",
        heat_reference=1.0,
        scores={
            (population, split): Scores(rng.beta(1.5, 6, 200), rng.beta(6, 1.5, 350))
            for population in POPULATIONS
            for split in ("validation", "test")
        },
        training={},
        balanced={"child": 0.5, "adult": 0.55},
    )
    return Reading(
        model=get_spec("resnet18"),
        card=card,
        radiograph_key=radiograph.key,
        height=radiograph.height,
        width=radiograph.width,
        age=radiograph.source.age,
        logit=float(np.log(probability / (1 - probability))),
        probability=probability,
        evidence={"gradcam": evidence, "hirescam": evidence},
        milliseconds=12.3,
        source_warnings=radiograph.warnings,
    )


@pytest.fixture
def from_dicom() -> MakeReport:
    """Makes a report on a DICOM radiograph; elements and options of the report by keyword."""

    def make(anonymous: bool = False, threshold: float | None = None, **elements: Any) -> Report:
        radiograph = load_radiograph(save(dicom(12, 320, 260, **elements)), "Doe Jane.dcm")
        return Report(radiograph, decide(reading(radiograph), threshold=threshold), anonymous)

    return make


@pytest.fixture
def from_png() -> MakeReport:
    """Makes a report on a PNG."""

    def make(anonymous: bool = False, threshold: float | None = None) -> Report:
        radiograph = load_radiograph(encode(grey8(300, 280), "PNG"), "from the ward.png")
        return Report(radiograph, decide(reading(radiograph), threshold=threshold), anonymous)

    return make

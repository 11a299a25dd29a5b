"""What a DICOM file's header says, and which files are refused for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pulmoscan import errors, screening
from pulmoscan.population import operating_point
from tests.dicoms import dicom, load

# Facts


def test_facts() -> None:
    result = load(dicom(12, ImageLaterality="U"))
    assert result.dicom is not None
    facts = result.dicom.facts
    assert (facts.modality, facts.view, facts.sex, facts.body_part) == ("DX", "PA", "female", "CHEST")
    assert (facts.study_date, facts.laterality, facts.photometric) == ("2024-02-03", "unpaired", "MONOCHROME2")
    assert dict(facts.identity.rows())["Name"] == "Doe Jane"
    assert (result.source.format, result.source.bits, result.source.age) == ("DICOM", 12, 34)
    assert "PixelData" not in result.dicom.header
    assert result.dicom.warnings == ()


@pytest.mark.parametrize(
    ("elements", "age"),
    [
        ({"PatientAge": "003Y"}, 3),
        ({"PatientAge": "58"}, 58),
        ({"PatientAge": "018M"}, 1.5),
        ({"PatientAge": "010D"}, 10 / 365.2425),
        ({"PatientAge": "", "PatientBirthDate": "20200203"}, 4),
        ({"PatientAge": "", "PatientBirthDate": "20250101"}, None),
        ({"PatientAge": "", "PatientBirthDate": "unknown"}, None),
        ({"PatientAge": "900Y", "PatientBirthDate": ""}, None),
        ({"PatientAge": "999Y", "PatientBirthDate": "19660101"}, 58.1),
        ({"PatientAge": "000Y", "PatientBirthDate": "19660101"}, 58.1),
        ({"PatientAge": "000D", "PatientBirthDate": "19660101"}, 58.1),
        ({"PatientAge": "000Y", "PatientBirthDate": ""}, None),
        ({"PatientAge": "000D", "PatientBirthDate": ""}, 0),
        ({"PatientAge": "", "PatientBirthDate": ""}, None),
    ],
)
def test_age(elements: dict[str, Any], age: float | None) -> None:
    result = load(dicom(12, **elements)).source.age
    assert result == (None if age is None else pytest.approx(age, abs=0.01))


@pytest.mark.usefixtures("models")
def test_age_chooses_the_population() -> None:
    for age, population in (("004Y", "child"), ("050Y", "adult")):
        reading = screening.read(load(dicom(12, PatientAge=age)), "resnet18")
        assert operating_point(reading.card.thresholds, "auto", reading.age).population == population


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({"SOPClassUID": uid.SecondaryCaptureImageStorage}, "secondary capture"),
        ({"Modality": "OT"}, "secondary capture"),
        ({"BurnedInAnnotation": "YES"}, "burnt"),
        ({"ViewPosition": ""}, "view position is missing"),
        ({"PatientOrientation": ["R", "F"]}, "not upright"),
    ],
)
def test_doubts_become_warnings(elements: dict[str, Any], expected: str) -> None:
    outcome = screening.screen(load(dicom(12, **elements)), "resnet18")
    assert any(expected in warning for warning in outcome.warnings)


def test_identity_is_in_no_representation() -> None:
    result = load(dicom())
    assert result.dicom is not None
    for text in (repr(result.dicom), repr(result.dicom.facts), repr(result.dicom.facts.identity)):
        assert "Doe" not in text
        assert "4711" not in text


# Refusals


@pytest.mark.parametrize(
    ("elements", "error", "said"),
    [
        ({"Modality": "CT"}, errors.DicomModality, "CT"),
        ({"Modality": "MR"}, errors.DicomModality, "MR"),
        ({"Modality": "US"}, errors.DicomModality, "US"),
        ({"Modality": "MG"}, errors.DicomModality, "MG"),
        ({"Modality": "", "SOPClassUID": uid.CTImageStorage}, errors.DicomModality, "CT"),
        ({"BodyPartExamined": "HAND"}, errors.DicomBodyPart, "HAND"),
        ({"ViewPosition": "LL"}, errors.DicomView, "LL"),
        ({"ViewPosition": "LATERAL"}, errors.DicomView, "LATERAL"),
        ({"ViewPosition": "RLO"}, errors.DicomView, "RLO"),
        ({"NumberOfFrames": 2}, errors.AnimatedImage, "2 frames"),
        ({"PhotometricInterpretation": "RGB"}, errors.DicomColour, "RGB"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, errors.DicomColour, "PALETTE"),
        ({"PixelData": None}, errors.DicomWithoutPixels, "no image"),
        ({"PresentationIntentType": "FOR PROCESSING"}, errors.DicomForProcessing, "raw"),
        ({"SOPClassUID": uid.DigitalXRayImageStorageForProcessing}, errors.DicomForProcessing, "raw"),
        ({"PixelAspectRatio": [10, 1]}, errors.ImageTooSmall, "13"),
    ],
)
def test_refused_with_the_reason(elements: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said) as raised:
        load(dicom(12, **elements))
    assert isinstance(raised.value, errors.UnsuitableRadiograph)


def test_lateral_view_by_its_code() -> None:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "399067008", "SCT", "lateral projection"
    with pytest.raises(errors.DicomView, match="LATERAL"):
        load(dicom(12, ViewPosition=None, ViewCodeSequence=Sequence([item])))


def test_blank() -> None:
    with pytest.raises(errors.BlankImage):
        load(dicom(12, picture=np.full((96, 128), 0.5)))


@pytest.mark.parametrize("part", ["CHEST", "THORAX", "Chest PA", "PORT CHEST", "UNKNOWN", ""])
@pytest.mark.parametrize("view", ["PA", "AP", "AP SUPINE", "UNKNOWN", ""])
def test_chests_by_other_names_are_taken(part: str, view: str) -> None:
    load(dicom(8, BodyPartExamined=part, ViewPosition=view))


# Damage and attacks


@pytest.mark.parametrize(
    "elements",
    [
        {"Rows": None},
        {"Rows": 200},
        {"BitsAllocated": 7},
        {"BitsStored": None},
        {"NumberOfFrames": "1A"},
        {"PixelData": b"\0\0"},
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_contradictions_are_damage(elements: dict[str, Any]) -> None:
    dataset = dicom(12)
    if elements.get("NumberOfFrames"):
        dataset.add_new(0x00280008, "LO", "1A")
        elements = {}
    for keyword, value in elements.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    with pytest.raises(errors.DamagedDicom):
        load(dataset)

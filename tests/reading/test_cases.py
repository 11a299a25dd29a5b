"""Inputs that once were refused, passed over or misread: one test for each of the small files in `tests/cases`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.sr.codedict import codes

from pulmoscan import errors
from pulmoscan.examination import collage
from pulmoscan.reading import intake
from pulmoscan.reading.dicom import Dicom, terms
from pulmoscan.reading.radiograph import Radiograph, load_radiograph
from tests.dicoms import dicom, load
from tests.pictures import chest, encode, grey8

CASES = Path(__file__).resolve().parent.parent / "cases"


def case(name: str) -> Radiograph:
    (path,) = CASES.glob(f"{name}*")
    return load_radiograph(path)


def header(radiograph: Radiograph) -> Dicom:
    assert radiograph.dicom is not None
    return radiograph.dicom


# F06


def test_an_identifier_with_a_backslash_is_one() -> None:
    """The exports leave it empty and say so: `export/test_identifiers.py`, `batch/test_outputs.py`."""
    found = header(case("F06_patientid_backslash"))
    assert found.facts.identity.patient_id == "AB\\CD"
    assert not any("AB" in warning for warning in found.warnings)


def test_long_accession_numbers_stay_two() -> None:
    one, two = (header(case(f"F06_accession_long_{n}")) for n in (1, 2))
    assert one.facts.identity.accession == "ACC-2024-000123456789"
    assert two.facts.identity.accession == "ACC-2024-000123499999"


# F08: grey values


def test_a_white_pixel_tells_nothing_of_the_depth() -> None:
    found = case("F08_12in16")
    assert found.source.bits == 12
    assert np.median(found.pixels) > 0.5


@pytest.mark.parametrize("name", ["F08_12in16", "F08_16bit", "F08_dead_pixel"])
def test_dim_pictures_are_no_collages(name: str) -> None:
    assert collage.find(case(name).pixels) is None


def test_a_dead_pixel_does_not_darken_a_dicom_file_without_window() -> None:
    assert np.median(case("F08_dead_pixel").pixels) > 0.4


@pytest.mark.parametrize("stated", [8, 12, 16])
def test_a_table_that_states_a_depth_that_is_not_its_own(stated: int) -> None:
    item = Dataset()
    item.LUTDescriptor = [4096, 0, stated]
    item.add_new("LUTData", "OW", np.arange(4096, dtype="<u2").tobytes())
    pixels = load(dicom(12, VOILUTSequence=Sequence([item]))).pixels
    np.testing.assert_allclose(pixels, chest(), atol=1e-3)


# F12 to F14, F18, F19, F22: headers


@pytest.mark.parametrize("name", ["F12", "F13_viewcode", "F13_viewposition", "F14", "F16", "F18", "F19", "F22"])
def test_good_radiographs_are_read(name: str) -> None:
    assert case(name).pixels.shape == (256, 241)


def test_the_class_of_a_radiograph_is_enough() -> None:
    for modality in ("DR", "RF", "XRAY", ""):
        for sop_class in (uid.DigitalXRayImageStorageForPresentation, uid.ComputedRadiographyImageStorage):
            load(dicom(Modality=modality, SOPClassUID=sop_class))


@pytest.mark.parametrize("code", terms.FRONTAL_CODES)
def test_frontal_by_its_code(code: str) -> None:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "SCT", "Vista"
    found = load(dicom(ViewPosition=None, ViewCodeSequence=Sequence([item])))
    assert header(found).facts.view == terms.FRONTAL_CODES[code]


FRONTAL = ["P-A", "PA", "p.a.", "P/A", "A P", "AP_PORTABLE", "AP ERECT", "PAERECT", "Posteroanterior", "FRENTE", "正面"]
OTHER = ["LL", "LATERAL", "LAT", "RLO", "L-LAT", "Seitlich", "OBLIQUE", "側面", "LLD"]
UNKNOWN = ["PA LATERAL", "AP LAT DECUB", "XYZ", "ROOM 3", "PATIENT"]


@pytest.mark.parametrize(
    ("view", "expected"),
    [*((v, "frontal") for v in FRONTAL), *((v, "other") for v in OTHER), *((v, "unknown") for v in UNKNOWN)],
)
def test_what_a_view_says(view: str, expected: str) -> None:
    assert terms.direction(view) == expected


def test_a_view_that_nobody_knows_is_warned_of() -> None:
    assert any("names its view in a way" in w for w in header(load(dicom(ViewPosition="ROOM 3"))).warnings)


@pytest.mark.parametrize("frames", ["0", "01", "1.0", "1 "])
def test_one_frame_however_it_is_written(frames: str) -> None:
    dataset = dicom()
    dataset.add_new(0x00280008, "LO", frames)
    load(dataset)


@pytest.mark.parametrize(("frames", "error"), [("2", errors.AnimatedImage), ("1.5", errors.DamagedDicom)])
def test_other_numbers_of_frames(frames: str, error: type[Exception]) -> None:
    dataset = dicom()
    dataset.add_new(0x00280008, "LO", frames)
    with pytest.raises(error):
        load(dataset)


def test_age_by_the_birth_date_where_none_was_told() -> None:
    assert case("F18").source.age == pytest.approx(58, abs=0.2)


def test_names_in_chinese_hold_no_escapes() -> None:
    found = header(case("F19"))
    assert str(found.header.PatientName) == "Zhang^XiaoDong=张^小东"
    assert found.facts.identity.name == "Zhang XiaoDong 张 小东"


CHESTS = ["TORACE", "TÓRAX", "THORAX", "胸部", "Chest PA", "CHEST/ABDOMEN", "BRUSTKORB"]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        *((part, "chest") for part in CHESTS),
        *((part.encode("utf-8").decode("latin-1"), "chest") for part in ("TÓRAX", "胸部")),
        *((part, "other") for part in ("HAND", "Knees", "L-SPINE LUMBAR", "RODILLA", "Schädel", "ABDOMEN")),
        *((part, "unknown") for part in ("RX", "ROUTINE")),
    ],
)
def test_what_a_body_part_says(part: str, expected: str) -> None:
    assert terms.region(part) == expected


@pytest.mark.parametrize("photometric", [None, "monochrome2", "MONOCHROME 2"])
def test_grey_however_it_is_written(photometric: str | None) -> None:
    found = load(dicom(PhotometricInterpretation=photometric))
    np.testing.assert_allclose(found.pixels, chest(), atol=1e-3)
    assert any("black is assumed" in w for w in header(found).warnings) == (photometric is None)


# F17, F23


def test_folders_with_a_dot_in_an_archive_are_read() -> None:
    passed_over: list[Any] = []
    items = intake.archive_items(CASES / "F17_dotfolder.zip", "x.zip", passed_over)
    assert [item.short_name for item in items] == ["a.png", "b.png", "c.png"]
    assert not passed_over
    for item in items:
        load_radiograph(item.read())


def test_a_thumbnail_is_no_second_page() -> None:
    small = Image.fromarray(grey8(70, 80))
    small.encoderinfo = {"tiffinfo": {254: 1}}
    whole = Image.fromarray(grey8())
    data = encode(whole, "TIFF", save_all=True, append_images=[small])
    assert load_radiograph(data).pixels.shape == (96, 128)
    with pytest.raises(errors.AnimatedImage):
        load_radiograph(encode(whole, "TIFF", save_all=True, append_images=[whole]))


def test_every_view_code_of_the_standard_is_known() -> None:
    views = codes.CID4010
    assert {getattr(views, name).value for name in views.dir()} <= terms.FRONTAL_CODES.keys() | terms.OTHER_VIEW_CODES

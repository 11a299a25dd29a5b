"""A DICOM radiograph goes in, and each report comes out, in a real browser."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import pydicom
import pytest
from PIL import Image

from pulmoscan.gallery.samples import gallery
from pulmoscan.reading.radiograph import load_radiograph
from tests.browser.conftest import Open
from tests.browser.test_app import OUTPUT, settled
from tests.dicoms import dicom, save

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect

pytestmark = pytest.mark.browser


@pytest.fixture
def dicom_file(tmp_path: Path) -> Path:
    """Without an ending, as on a patient's disc; of a picture that the gate lets through."""
    path = tmp_path / "IM000001"
    picture = cv2.resize(load_radiograph(gallery()[-1].path).pixels, (600, 700))
    path.write_bytes(save(dicom(12, picture=picture, WindowCenter=2048, WindowWidth=4096)))
    return path


def download(page: Page, label: str) -> tuple[str, bytes]:
    with page.expect_download() as started:
        page.get_by_role("button", name=label, exact=True).click()
    return started.value.suggested_filename, Path(str(started.value.path())).read_bytes()


@pytest.mark.parametrize(("device", "width", "scheme"), [("desktop", 1280, "light"), ("phone", 390, "dark")])
def test_dicom_in_and_reports_out(
    app: str, new_page: Open, dicom_file: Path, device: str, width: int, scheme: str
) -> None:
    page = new_page(width, 900, scheme)
    page.goto(f"{app}/resnet18")
    page.locator("input[type=file]").set_input_files(dicom_file)
    expect(page.locator(".st-key-chosen")).to_contain_text("IM000001")
    expect(page.locator(".frame img.base")).to_have_count(2 if device == "desktop" else 1)
    page.get_by_text("DICOM file", exact=True).click()
    expect(page.get_by_text("Doe Jane")).to_have_count(0)
    page.get_by_text("Show what identifies the patient").click()
    expect(page.get_by_text("Doe Jane")).to_be_visible()
    page.get_by_text("Export a report").click()
    settled(page)
    OUTPUT.mkdir(exist_ok=True)
    needed = page.get_by_test_id("stMain").evaluate("main => main.scrollHeight")
    assert page.get_by_test_id("stMain").evaluate("main => main.scrollWidth <= main.clientWidth"), "fits the width"
    page.set_viewport_size({"width": width, "height": max(900, needed)})
    page.screenshot(path=OUTPUT / f"dicom-{device}-{scheme}.png")

    files = {label: download(page, label) for label in ("PDF", "DICOM report", "DICOM overlay", "PNG overlay", "JSON")}
    assert {name for name, _ in files.values()} == {
        "IM000001.pdf",
        "IM000001-report.dcm",
        "IM000001-overlay.dcm",
        "IM000001-overlay.png",
        "IM000001.json",
    }
    assert files["PDF"][1].startswith(b"%PDF")
    for label, modality in (("DICOM report", "SR"), ("DICOM overlay", "OT")):
        export = pydicom.dcmread(io.BytesIO(files[label][1]))
        assert (export.Modality, export.PatientID) == (modality, "MRN-4711")
    width_of_overlay, height_of_overlay = Image.open(io.BytesIO(files["PNG overlay"][1])).size
    assert width_of_overlay == 600
    assert height_of_overlay > 700, "a caption with score, threshold and disclaimer stands below the picture"
    assert json.loads(files["JSON"][1])["model"] == "resnet18"

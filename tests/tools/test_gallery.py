from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pulmoscan.gallery.samples import gallery
from pulmoscan.gallery.thumbnails import beside
from pulmoscan.settings import gallery_folder
from tools.gallery import Picture, adult_radiograph, write_gallery


def test_the_reader_reads_what_the_writer_writes(tmp_path: Path) -> None:
    pixels = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64).astype(np.uint8)
    picture = Picture("é.png", pixels, "Title", "pneumonia", "A caption with × in it.", "Origin", {"seed": 7})
    write_gallery(tmp_path / "new", [picture])
    (sample,) = gallery(tmp_path / "new")
    assert (sample.title, sample.label, sample.caption, sample.origin) == (
        "Title",
        "pneumonia",
        "A caption with × in it.",
        "Origin",
    )
    with Image.open(sample.path) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)
        assert image.text["Description"] == "A caption with × in it."  # type: ignore[attr-defined]
    assert beside(sample.path).is_file()
    (entry,) = json.loads((tmp_path / "new" / "samples.json").read_text(encoding="utf-8"))["samples"]
    assert entry["seed"] == 7


def test_the_adult_radiograph_is_shown_as_its_file_asks() -> None:
    pytest.importorskip("data_store", reason="pydicom-data is not installed")
    picture = adult_radiograph()
    height, width = picture.pixels.shape
    assert max(height, width) == 1024
    upper_lungs = picture.pixels[int(0.2 * height) : int(0.3 * height)]
    right_lung = upper_lungs[:, int(0.2 * width) : int(0.35 * width)]
    mediastinum = upper_lungs[:, int(0.46 * width) : int(0.52 * width)]
    assert right_lung.mean() < mediastinum.mean() - 50  # MONOCHROME1 read the wrong way round shows white lungs
    assert picture.label == "unknown"


def test_the_shipped_adult_radiograph_is_the_one_that_the_command_makes() -> None:
    pytest.importorskip("data_store", reason="pydicom-data is not installed")
    picture = adult_radiograph()
    with Image.open(gallery_folder() / picture.file) as image:
        difference = np.abs(np.asarray(image).astype(int) - picture.pixels)
    assert difference.max() <= 2

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pulmoscan.errors import RadiographError
from pulmoscan.gallery.samples import GallerySample, gallery
from pulmoscan.gallery.thumbnails import FOLDER, SIDE, beside, make_thumbnail, thumbnail
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.settings import gallery_folder
from tests.pictures import encode, grey8


def grey(jpeg: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(jpeg)) as image:
        return np.asarray(image.convert("L")).astype(int)


@pytest.mark.parametrize("sample", gallery(), ids=lambda sample: sample.path.stem)
def test_the_shipped_thumbnail_is_of_its_picture(sample: GallerySample) -> None:
    made = make_thumbnail(load_radiograph(sample.path).pixels)
    assert np.abs(grey(beside(sample.path).read_bytes()) - grey(made)).max() <= 4, "run tools.gallery.write_thumbnail"


def test_none_is_left_over() -> None:
    assert {path.name for path in (gallery_folder() / FOLDER).iterdir()} == {
        beside(sample.path).name for sample in gallery()
    }


def test_without_one_it_is_made(tmp_path: Path) -> None:
    (tmp_path / "wide.png").write_bytes(encode(grey8(100, 300), "PNG"))
    assert grey(thumbnail(tmp_path / "wide.png")).shape == (SIDE, SIDE)


def test_what_is_no_radiograph_says_so(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("text")
    with pytest.raises(RadiographError):
        thumbnail(tmp_path / "text.png")

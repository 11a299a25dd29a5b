"""Photographs of a screen, viewers' screenshots and films put together are told from radiographs."""

from __future__ import annotations

import random

import numpy as np
import pytest

from pulmoscan.examination import collage
from pulmoscan.examination.examine import defects_of
from pulmoscan.examination.quality import LARGEST_GRID, MOST_SIGNS
from pulmoscan.examination.reproductions import screen_grid, signs_on_black
from pulmoscan.reading.radiograph import PHOTOGRAPH, load_radiograph
from pulmoscan.training.data.reproductions import (
    in_a_black_viewer,
    in_a_grey_viewer,
    photographed,
    without_a_gap,
)
from tests.chest_views import chest_view
from tests.dicoms import dicom, save
from tests.examination.test_quality import good
from tests.pictures import encode


def test_most_photographs_of_a_screen_show_its_pixels() -> None:
    """Those that a camera saw with less than a pixel and a half for each of the screen's may not."""
    grids = [screen_grid(photographed(good(), random.Random(seed))) for seed in range(4)]
    assert sum(grid > LARGEST_GRID for grid in grids) >= 2, grids
    assert screen_grid(good()) < LARGEST_GRID - 1
    assert screen_grid(good(100, 100)) == 0


def test_a_photograph_of_a_film_has_no_grid() -> None:
    assert screen_grid(photographed(good(), random.Random(0), screen=False)) < LARGEST_GRID


@pytest.mark.parametrize("seed", range(3))
def test_films_and_toolbars_are_told_by_their_edges(seed: int) -> None:
    films = [good(), 0.6 * good(500, 400), good(300, 448)]  # of another exposure, as films are
    joined = without_a_gap(films, random.Random(seed))
    assert collage.find(joined) == "collage"
    assert min(joined.shape) in range(224, 701)
    assert collage.find(in_a_grey_viewer(good(), random.Random(seed))) == "screenshot"


@pytest.mark.parametrize("seed", range(2))
def test_buttons_and_words_on_black_are_counted(seed: int) -> None:
    assert signs_on_black(in_a_black_viewer(good(), random.Random(seed))) > MOST_SIGNS


def test_a_side_marker_and_a_date_are_few() -> None:
    framed = np.pad(good(), 60)
    assert signs_on_black(framed) == 0
    for at in (100, 150, 200):
        framed[20:40, at : at + 12] = 0.9
    assert signs_on_black(framed) == 3


def test_lines_along_an_axis_are_an_anti_scatter_grid() -> None:
    lined = good(600, 600) + 0.03 * np.sin(2 * np.pi * 0.31 * np.arange(600, dtype=np.float32))
    assert screen_grid(np.asarray(lined, np.float32)) < LARGEST_GRID
    slanted = np.add.outer(0.05 * np.arange(600, dtype=np.float32), 0.31 * np.arange(600, dtype=np.float32))
    assert screen_grid(np.asarray(good(600, 600) + 0.03 * np.sin(2 * np.pi * slanted), np.float32)) > LARGEST_GRID


def test_a_photograph_is_told_once_and_dicom_files_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulmoscan.examination.quality.screen_grid", lambda _: 99.0)
    plain = encode((good() * 255).astype(np.uint8), "PNG")
    assert [defect.kind for defect in defects_of(load_radiograph(plain), chest_view())].count("photograph") == 1
    tinted = np.dstack([(good() * peak).astype(np.uint8) for peak in (255, 220, 180)])
    photograph = load_radiograph(encode(tinted, "PNG"))
    assert PHOTOGRAPH in photograph.warnings
    assert "photograph" not in [defect.kind for defect in defects_of(photograph, chest_view())]
    stored = load_radiograph(save(dicom(8)))
    assert "photograph" not in [defect.kind for defect in defects_of(stored, chest_view())]

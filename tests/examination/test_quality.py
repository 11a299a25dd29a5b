"""The quality warnings: none on a good picture, and the right one when it is degraded."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from pulmoscan.examination import quality
from pulmoscan.examination.quality import DefectKind
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.training.evaluation.quality import DEGRADATIONS, _rotated
from tests.chest_views import two_lungs
from tests.pictures import chest

LUNGS = two_lungs() > 0
OF_THE_OUTLINE = ("cut off", "tilted", "oblique", "wide")
NO_LUNGS = np.zeros((224, 224), dtype=bool)


@cache
def good(height: int = 448, width: int = 512) -> np.ndarray:
    """A made-up chest with grain at every scale, as a real one has, float32 in [0.05, 0.95]."""
    rng = np.random.default_rng(0)
    grain = np.zeros((height, width))
    for cells in (256, 128, 64, 32, 16):
        grain += cv2.resize(rng.standard_normal((cells, cells)), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(0.1 + 0.8 * chest(height, width) + 0.02 * grain, 0.05, 0.95).astype(np.float32)


def kinds(pixels: np.ndarray, lungs: np.ndarray = LUNGS) -> set[DefectKind]:
    return {defect.kind for defect in quality.check(np.ascontiguousarray(pixels, dtype=np.float32), lungs)}


@pytest.mark.parametrize("size", [(448, 512), (1500, 1300), (224, 224)])
def test_good_picture_is_not_warned_of(size: tuple[int, int]) -> None:
    assert kinds(good(*size)) == set()


@pytest.mark.parametrize("what", [w for w, (kind, _) in DEGRADATIONS.items() if kind not in OF_THE_OUTLINE])
def test_degraded_picture_is_warned_of(what: str) -> None:
    kind, degrade = DEGRADATIONS[what]
    assert kind in kinds(degrade(good()))


@pytest.mark.parametrize("what", [w for w, (kind, _) in DEGRADATIONS.items() if kind == "cut off"])
def test_lungs_that_are_cut_off(what: str) -> None:
    _, crop = DEGRADATIONS[what]
    lungs = cv2.resize(crop(two_lungs(60, 150)), (224, 224), interpolation=cv2.INTER_NEAREST) > 0
    assert "cut off" in kinds(good(), lungs)
    assert quality.cut_off(LUNGS) == 0


@pytest.mark.parametrize("degrees", [-25, -15, -8, 0, 8, 15, 25])
def test_tilt_is_measured_in_degrees_clockwise(degrees: float) -> None:
    lungs = two_lungs(degrees=degrees) > 0
    assert quality.tilt(lungs, 1.0) == pytest.approx(degrees, abs=1)
    assert ("tilted" in kinds(good(448, 448), lungs)) == (abs(degrees) > quality.LARGEST_TILT)


def test_tilt_takes_the_aspect_into_account() -> None:
    """The mask of a picture twice as wide as high shows the lungs half as wide as they are."""
    wide = cv2.resize(two_lungs(), (448, 224))
    turned = _rotated(-20)(wide.astype(np.float32))
    squashed = cv2.resize(turned, (224, 224), interpolation=cv2.INTER_AREA) > 0.5
    assert quality.tilt(squashed, 2.0) == pytest.approx(20, abs=2)


def test_tilt_of_lungs_that_touch() -> None:
    lungs = two_lungs(82, 142, degrees=18) > 0
    assert cv2.connectedComponents(lungs.astype(np.uint8))[0] == 2, "one part"
    assert 6 < quality.tilt(lungs, 1.0) < 20, "halves that are cut upright look less tilted than they are"


@pytest.mark.parametrize("what", [w for w, (kind, _) in DEGRADATIONS.items() if kind == "oblique"])
def test_oblique_lungs_are_unequally_wide(what: str) -> None:
    """An outline that follows the turned picture; 0.2 and 0.3 of a half width lie on both sides of the limit."""
    _, turn = DEGRADATIONS[what]
    lungs = turn(two_lungs()) > 0.5
    assert quality.width_ratio(LUNGS) == pytest.approx(1, abs=0.02)
    assert quality.width_ratio(lungs) > 1.2
    assert ("oblique" in kinds(good(), lungs)) == (quality.width_ratio(lungs) > quality.LARGEST_WIDTH_RATIO)
    assert quality.width_ratio(lungs) == pytest.approx(quality.width_ratio(lungs[:, ::-1]))
    assert "oblique" not in kinds(good())


def test_widths_are_not_compared_where_the_lungs_lie_one_above_the_other() -> None:
    lungs = np.zeros((224, 224), bool)
    lungs[20:90, 30:100] = lungs[110:200, 120:200] = True
    assert quality.width_ratio(lungs) == 1


@pytest.mark.parametrize("share", [0.5, 0.62, 1.0])
def test_lungs_that_are_small_in_the_picture(share: float) -> None:
    small = cv2.resize(two_lungs(), None, fx=share, fy=share, interpolation=cv2.INTER_AREA) > 0.5
    lungs = np.zeros((224, 224), bool)
    lungs[20 : 20 + len(small), 30 : 30 + len(small)][: 224 - 20, : 224 - 30] = small[: 224 - 20, : 224 - 30]
    assert ("wide" in kinds(good(), lungs)) == (lungs.mean() < quality.SMALLEST_LUNGS) == (share < 1)


def test_a_border_is_not_said_twice() -> None:
    lungs = cv2.resize(two_lungs(), (112, 112), interpolation=cv2.INTER_AREA) > 0.5
    small = np.pad(lungs, 56)
    assert "wide" in kinds(good(), small)
    assert kinds(DEGRADATIONS["border of 30 % all round"][1](good()), small) & {"border", "wide"} == {"border"}


def test_block_grid_is_found_wherever_it_lies() -> None:
    blocky = DEGRADATIONS["JPEG of quality 10"][1](good())
    whole = quality.blockiness(blocky)
    assert whole > quality.LARGEST_BLOCKINESS > quality.blockiness(good())
    assert quality.blockiness(blocky[3:, 5:]) == pytest.approx(whole, rel=0.1)


def test_sharpness_does_not_depend_on_exposure() -> None:
    faded = (0.3 + 0.4 * good()).astype(np.float32)
    assert quality.sharpness(faded) == pytest.approx(quality.sharpness(good()), rel=1e-3)


def test_border_on_one_side_alone() -> None:
    picture = good().copy()
    picture[:, :128] = 0.0
    assert quality.border(picture) == pytest.approx(0.25, abs=0.01)
    assert quality.border(np.full((300, 300), 0.5, np.float32)) == 1


def test_without_lungs_only_the_pixels_are_looked_at() -> None:
    assert kinds(good(), NO_LUNGS) == set()
    assert kinds(good(200, 200), NO_LUNGS) == {"low resolution"}


def test_messages_say_what_to_do() -> None:
    for _, degrade in DEGRADATIONS.values():
        for defect in quality.check(np.ascontiguousarray(degrade(good()), dtype=np.float32), LUNGS):
            assert defect.message.endswith(".")
            assert len(defect.message) < 200


@pytest.mark.data
def test_real_radiographs_are_hardly_ever_warned_of_for_their_pixels(data: Path) -> None:
    """The datasets' own small copies: their grain, compression and sharpness are no defect."""
    paths = sorted((data / "kermany/images224/test/NORMAL").glob("*"))[:30]
    paths += sorted((data / "nih_adult/images448").glob("*"))[:30]
    warned = [path.name for path in paths if kinds(load_radiograph(path).pixels, NO_LUNGS)]
    assert len(warned) <= 2, warned

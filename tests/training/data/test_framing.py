from __future__ import annotations

import random
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pulmoscan.training.data.augmentation import resample_randomly
from pulmoscan.training.data.framing import HEIGHT_SHARE, WHOLE, WIDTH_SHARE, cropped_mask, main, random_window
from tests.training.made_up import make_kermany


def lungs(width: float, height: float) -> np.ndarray:
    """A mask whose lungs span these shares of the picture."""
    mask = np.zeros((300, 400), np.uint8)
    w, h = round(400 * width), round(300 * height)
    cv2.rectangle(mask, (200 - w // 2, 140 - h // 2), (200 + w // 2 - 1, 140 + h // 2 - 1), 255, -1)
    return mask


def spans(mask: np.ndarray) -> tuple[float, float]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return float(np.ptp(columns) + 1) / mask.shape[1], float(np.ptp(rows) + 1) / mask.shape[0]


@pytest.mark.parametrize("size", [(0.4, 0.4), (0.6, 0.7), (0.7, 0.8)])
def test_small_and_large_lungs_come_to_span_the_same_share(size: tuple[float, float]) -> None:
    rng = random.Random(0)
    widths, heights = zip(
        *(spans(cropped_mask(lungs(*size), random_window(lungs(*size), rng))) for _ in range(60)), strict=True
    )
    assert WIDTH_SHARE[0] - 0.02 < min(widths) < max(widths) < WIDTH_SHARE[1] + 0.02
    assert HEIGHT_SHARE[0] - 0.02 < min(heights) < max(heights) < HEIGHT_SHARE[1] + 0.02


def test_the_window_holds_the_lungs_and_stays_in_the_picture() -> None:
    rng = random.Random(1)
    for _ in range(200):
        mask = lungs(rng.uniform(0.2, 1.0), rng.uniform(0.2, 0.9))
        left, upper, right, lower = random_window(mask, rng)
        assert 0 <= left < right <= 1
        assert 0 <= upper < lower <= 1
        inside = mask[round(upper * 300) : round(lower * 300), round(left * 400) : round(right * 400)]
        assert inside.sum() > 0.97 * mask.sum()


def test_specks_of_a_mask_do_not_widen_the_window() -> None:
    clean, speckled = lungs(0.4, 0.4), lungs(0.4, 0.4)
    speckled[:3, :3] = 255
    assert random_window(clean, random.Random(2)) == pytest.approx(random_window(speckled, random.Random(2)), abs=0.02)


def test_without_lungs_the_whole_picture_is_taken() -> None:
    assert random_window(np.zeros((50, 60), np.uint8), random.Random(3)) == WHOLE


def test_picture_and_mask_are_cropped_alike() -> None:
    mask = lungs(0.4, 0.5)
    window = random_window(mask, random.Random(4))
    picture = resample_randomly(mask, random.Random(5), window)
    assert ((picture > 127) != (cropped_mask(mask, window) > 127)).mean() < 0.02


def test_how_high_the_lungs_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = make_kermany(tmp_path, 1)
    for mask in tmp_path.rglob("lung_masks224/test/PNEUMONIA/*.png"):
        Image.fromarray(lungs(0.5, 0.6)).save(mask)
    monkeypatch.setattr("sys.argv", ["framing", "--data", str(data)])
    main()
    assert "test, pneumonia: median 60 %, quartiles 60 and 60 %, n = 1" in capsys.readouterr().out

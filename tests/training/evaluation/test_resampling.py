from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from pulmoscan.errors import DatasetError
from pulmoscan.training.evaluation.resampling import chained, describe, resampling_tests
from tests.training.made_up import make_kermany, make_rsna


def test_chain_ends_at_the_last_side() -> None:
    picture = Image.linear_gradient("L").resize((512, 480))
    assert chained(picture).size == (224, 224)
    assert chained(picture).tobytes() == chained(picture).tobytes()


@pytest.mark.usefixtures("models")
def test_both_classes_are_read_twice(tmp_path: Path) -> None:
    folder = make_rsna(tmp_path, [(str(i), "test") for i in range(4)])
    for name in ("0.jpg", "1.jpg"):
        with Image.open(folder / "images" / name) as image:
            image.resize((512, 512)).save(folder / "images" / name)
    figures = resampling_tests("resnet18", [folder], "test")
    assert {name: figure.n for name, figure in figures.items()} == {
        "as they come: AUC": 4,
        "through 299 and 224 pixels: AUC": 4,
        "as they come, of 400 pixels or more: AUC": 2,
        "through 299 and 224 pixels, of 400 pixels or more: AUC": 2,
    }
    assert "resnet18 · adults, opacity against normal · test" in describe("resnet18", "test", figures)


@pytest.mark.usefixtures("models")
def test_adults_whom_radiologists_classed_are_needed(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="radiologists called normal or opacity"):
        resampling_tests("resnet18", [make_kermany(tmp_path)], "test")

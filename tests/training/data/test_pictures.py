from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from pulmoscan.errors import DatasetError
from pulmoscan.training.data.pictures import SIDE_VIEW, load_pictures, publication, select
from tests.training.made_up import draw, draw_mask, make_kermany, make_nih, make_rsna, make_side_views


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    for number in range(40):
        draw(tmp_path / "masks" / "images320" / f"{number}_1_1.jpg", number, 1)
        draw_mask(tmp_path / "masks" / "masks320" / f"{number}_1_1.png")
        draw(tmp_path / "other" / "photos" / f"n{number}_cat.jpg", number, 0)
        draw(tmp_path / "other" / "modalities" / f"Hand_{number:04}.jpg", number, 0)
    return [make_kermany(tmp_path / "kermany"), make_nih(tmp_path / "nih"), tmp_path / "masks", tmp_path / "other"]


def test_every_layout_is_known(folders: list[Path]) -> None:
    pictures = load_pictures(folders)
    assert Counter(p.source for p in pictures) == {"kermany": 14, "nih": 8, "adult masks": 40, "not chest": 80}
    assert Counter(p.kind for p in pictures) == {"chest": 62, "photos": 40, "hand": 40}
    assert all(p.lung_mask is not None and p.lung_mask.is_file() for p in pictures if p.source == "adult masks")
    assert {p.population for p in pictures if p.source == "nih"} == {"adult"}
    for source in ("adult masks", "not chest"):
        assert all(select(pictures, split, source) for split in ("train", "test"))


def test_kermanys_split_is_the_classifiers(folders: list[Path]) -> None:
    pictures = load_pictures(folders[:1])
    assert Counter(p.split for p in pictures) == {"train": 8, "validation": 4, "test": 2}


def test_adults_whom_radiologists_labelled_are_for_validation(folders: list[Path]) -> None:
    pictures = load_pictures(folders[1:2])
    assert {p.path.stem for p in pictures if p.split == "validation"} == {"v00", "v01", "v10", "v11"}
    assert not select(pictures, "test")


def test_one_patient_is_in_one_split_over_all_folders(folders: list[Path], tmp_path: Path) -> None:
    own = [p.path.stem for p in load_pictures(folders[1:2]) if p.split == "train"]
    rsna = make_rsna(tmp_path / "rsna", [(own[0], "test"), (own[1], "train"), ("v00", "train"), ("new", "validation")])
    pictures = load_pictures([folders[1], rsna])
    assert {p.source for p in pictures if p.path.parents[1] == rsna} == {"rsna"}
    splits: dict[str, set[str]] = {}
    for picture in pictures:
        splits.setdefault(picture.path.stem, set()).add(picture.split)
    assert splits[own[0]] == {"test"}
    assert splits[own[1]] == {"train"}
    assert splits["v00"] == {"validation"}
    assert splits["new"] == {"validation"}


def test_split_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="a split 'tset'"):
        load_pictures([make_rsna(tmp_path / "rsna", [("1", "tset")])])


def test_side_views_and_limbs(tmp_path: Path) -> None:
    make_side_views(tmp_path, patients=2, of_each=3)
    draw(tmp_path / "limbs" / "limb_001.jpg", 0, 0)
    pictures = load_pictures([tmp_path])
    views = select(pictures, "train", "side views")
    assert Counter(p.patient for p in views) == {"patient0": 3, "patient1": 3}
    assert {p.kind for p in views} == {SIDE_VIEW}
    assert [(p.source, p.kind) for p in pictures if p not in views] == [("limbs", "limb")]
    assert not any(p.is_chest for p in pictures)


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("16660_2_1.jpg", "16660"),
        ("1-s2.0-S0085253820303616-gr1_lrg-a.jpg", "1-s2.0-S0085253820303616"),
        ("1-s2.0-S1684118220300682-main.pdf-002-a1.jpg", "1-s2.0-S1684118220300682"),
        ("11547_2020_1203_Fig1_HTML-b.jpg", "11547_2020_1203"),
        ("10.1016-slash-j.anl.2020.04.002-a.jpg", "10.1016-slash-j.anl.2020.04.002"),
        ("00870a9c.jpg", "00870a9c"),
    ],
)
def test_a_patients_pictures_stay_together(name: str, group: str) -> None:
    assert publication(name) == group


def test_missing_and_empty_folders(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="not a folder"):
        load_pictures([tmp_path / "none"])
    with pytest.raises(DatasetError, match="no picture"):
        load_pictures([tmp_path])


@pytest.mark.data
def test_no_group_of_the_real_masks_is_split(data: Path) -> None:
    pictures = load_pictures([data / "adult_lung_masks"])
    assert len(pictures) == 356
    splits: dict[str, set[str]] = {}
    for picture in pictures:
        splits.setdefault(publication(picture.path.name), set()).add(picture.split)
    assert all(len(found) == 1 for found in splits.values())

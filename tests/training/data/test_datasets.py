from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from pulmoscan.errors import DatasetError
from pulmoscan.models.preprocessing import resample, standardise
from pulmoscan.population import POPULATIONS
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.training.data.datasets import (
    SPLITS,
    VALIDATION_SHARE,
    Example,
    Split,
    data_hash,
    is_validation_patient,
    load_dataset,
    load_datasets,
    select,
)
from tests.training.made_up import draw, make_kermany, make_nih, make_rsna, write_index

# Made-up folders


def test_children(tmp_path: Path) -> None:
    examples = load_dataset(make_kermany(tmp_path))
    assert Counter((e.split, e.label) for e in examples) == {
        (split, label): count for split, count in (("train", 4), ("validation", 2), ("test", 1)) for label in (0, 1)
    }
    assert {e.population for e in examples} == {"child"}
    assert {e.subgroup for e in examples if e.label} == {"bacteria", "virus"}
    assert {e.subgroup for e in examples if not e.label} == {""}
    for example in examples:
        assert example.path.is_file()
        assert example.lung_mask is not None
        assert example.lung_mask.stem == example.path.stem
        assert (example.original is not None) == (example.split == "train")


def test_published_folder(tmp_path: Path) -> None:
    """`chest_xray` as it can be downloaded: no masks, no originals, no index."""
    make_kermany(tmp_path / "copy")
    folder = (tmp_path / "copy" / "images224").rename(tmp_path / "chest_xray")
    examples = load_dataset(folder)
    assert len(examples) == 14
    assert all(e.lung_mask is None and e.original is None for e in examples)


def test_patient_comes_from_the_name_or_the_index(tmp_path: Path) -> None:
    folder = tmp_path / "images224" / "train"
    for name in ("NORMAL2-IM-0441-0001.jpeg", "NORMAL2-IM-0441-0002.jpeg", "IM-0115-0001.jpeg", "other.jpeg"):
        draw(folder / "NORMAL" / name, 0, 0)
    draw(folder / "PNEUMONIA" / "person12_bacteria_3.jpeg", 0, 1)
    draw(folder / "PNEUMONIA" / "person12_virus_4.jpeg", 0, 1)
    assert {e.path.name: e.patient for e in load_dataset(tmp_path)} == {
        "NORMAL2-IM-0441-0001.jpeg": "train/NORMAL2-IM-0441",
        "NORMAL2-IM-0441-0002.jpeg": "train/NORMAL2-IM-0441",
        "IM-0115-0001.jpeg": "train/IM-0115",
        "other.jpeg": "train/other",
        "person12_bacteria_3.jpeg": "train/person12",
        "person12_virus_4.jpeg": "train/person12",
    }
    (tmp_path / "index.csv").write_text("file,patient\nother.jpeg,somebody\n")
    assert "train/somebody" in {e.patient for e in load_dataset(tmp_path)}


def test_adults(tmp_path: Path) -> None:
    examples = load_dataset(make_nih(tmp_path))
    assert Counter((e.split, e.label) for e in examples) == {
        (split, label): 2 for split in ("train", "validation") for label in (0, 1)
    }
    assert {e.population for e in examples} == {"adult"}
    assert {(e.split, e.group) for e in examples} == {
        ("train", "mined"),
        ("validation", "opacity"),
        ("validation", "normal"),
    }
    assert [e.boxes for e in examples if e.boxes] == 2 * [((0.2, 0.5, 0.2, 0.2),)]
    assert {e.age for e in examples} == {54}
    assert all(e.path.is_file() for e in examples)


@pytest.mark.parametrize(
    ("finding", "age", "rsna", "expected"),
    [
        ("No Finding", "40", "", 0),
        ("Pneumonia", "40", "", 1),
        ("Effusion|Consolidation", "40", "", 1),
        ("Infiltration|Pneumonia", "18", "", 1),
        ("Infiltration", "40", "", None),  # what the text analysis finds most, and the radiologists often do not
        ("Emphysema|Nodule", "40", "", 0),  # ill, but not with pneumonia
        ("Emphysema|Mass", "40", "", None),
        ("Effusion", "40", "", None),
        ("Infiltration", "40", "Normal", 0),  # the radiologists overrule the text analysis
        ("No Finding", "40", "Lung Opacity", 1),
        ("Infiltration", "40", "No Lung Opacity / Not Normal", 0),  # ill, without pneumonia
        ("Infiltration", "17", "Lung Opacity", 1),  # too old to be measured beside children of 1 to 5
    ],
)
def test_label_of_an_adult(tmp_path: Path, finding: str, age: str, rsna: str, expected: int | None) -> None:
    write_index(
        tmp_path,
        [("a.jpg", "1", finding, age, "F", "PA", rsna, ""), ("b.jpg", "2", "No Finding", "50", "F", "PA", "", "")],
    )
    found = {e.path.name: e for e in load_dataset(tmp_path)}
    assert "b.jpg" in found
    if expected is None:
        assert "a.jpg" not in found
    else:
        assert found["a.jpg"].label == expected
        assert (found["a.jpg"].split == "validation") == bool(rsna)


def test_patients_whom_radiologists_classed_train_nothing(tmp_path: Path) -> None:
    rows: list[tuple[str, ...]] = [
        ("a.jpg", "1", "Pneumonia", "50", "F", "PA", "Lung Opacity", "[]"),
        ("b.jpg", "1", "Pneumonia", "51", "F", "PA", "", ""),
        ("c.jpg", "2", "Pneumonia", "51", "F", "PA", "", ""),
        ("d.jpg", "3", "Pneumonia", "51", "F", "PA", "No Lung Opacity / Not Normal", ""),
        ("e.jpg", "3", "Pneumonia", "51", "F", "PA", "", ""),
    ]
    write_index(tmp_path, rows)
    assert {e.path.name for e in load_datasets([tmp_path])} == {"a.jpg", "c.jpg", "d.jpg"}


def test_a_named_split_is_binding_and_precedence_holds_over_all_sets(tmp_path: Path) -> None:
    """Test goes before validation, validation before training, whichever set a patient's radiograph is of."""
    make_rsna(tmp_path / "rsna", [("1", "train"), ("2", "validation"), ("3", "test"), ("4", "train")])
    rows: list[tuple[str, ...]] = [
        ("a.jpg", "1", "Pneumonia", "50", "F", "PA", "Normal", ""),  # validates
        ("b.jpg", "2", "Pneumonia", "50", "F", "PA", "", ""),  # would train
        ("c.jpg", "3", "Pneumonia", "50", "F", "PA", "Normal", ""),  # would validate
        ("d.jpg", "4", "Pneumonia", "50", "F", "PA", "", ""),
    ]
    write_index(tmp_path / "nih", rows)
    found = load_datasets([tmp_path / "nih", tmp_path / "rsna"])
    assert {(e.patient, e.split) for e in found} == {
        ("nih/1", "validation"),
        ("nih/2", "validation"),
        ("nih/3", "test"),
        ("nih/4", "train"),
    }
    assert {e.path.name for e in found} == {"a.jpg", "2.jpg", "3.jpg", "4.jpg", "d.jpg"}


def test_a_split_of_another_name_is_refused(tmp_path: Path) -> None:
    make_rsna(tmp_path, [("1", "holdout")])
    with pytest.raises(DatasetError, match="'holdout' is no split"):
        load_dataset(tmp_path)


def test_split_is_a_fixed_function_of_the_patient() -> None:
    names = [f"patient {i}" for i in range(4000)]
    chosen = [is_validation_patient(name) for name in names]
    assert np.mean(chosen) == pytest.approx(VALIDATION_SHARE, abs=0.02)
    held_out = [i for i in range(60) if is_validation_patient(f"train/person{i}")]
    assert held_out == [5, 10, 11, 27, 33]  # as when the shipped weights were trained


def test_select(tmp_path: Path) -> None:
    examples = load_datasets([make_kermany(tmp_path / "a"), make_nih(tmp_path / "b")])
    assert len(select(examples, "train")) == 8 + 4
    assert len(select(examples, "train", "adult")) == 4
    assert {e.population for e in select(examples, "test", "child")} == {"child"}


def test_data_hash(tmp_path: Path) -> None:
    """The same data hashes alike wherever it lies; a changed pixel, label or mask does not."""
    examples = load_dataset(make_kermany(tmp_path / "a"))
    shutil.copytree(tmp_path / "a", tmp_path / "elsewhere")
    moved = load_dataset(tmp_path / "elsewhere")
    assert data_hash(moved) == data_hash(examples) == data_hash(examples[::-1])
    assert data_hash(moved[1:]) != data_hash(examples)
    assert moved[0].lung_mask is not None
    for path in (moved[0].path, moved[0].lung_mask):
        before = path.read_bytes()
        path.write_bytes(before + b"\0")
        assert data_hash(moved) != data_hash(examples)
        path.write_bytes(before)


def test_folders_that_are_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"missing is not a folder.*docs/weights\.md"):
        load_dataset(tmp_path / "missing")
    with pytest.raises(DatasetError, match=r"neither train/NORMAL.*index\.csv"):
        load_dataset(tmp_path)
    (tmp_path / "train" / "NORMAL").mkdir(parents=True)
    with pytest.raises(DatasetError, match="no labelled radiograph"):
        load_dataset(tmp_path)


# The real ones


@pytest.fixture(scope="module")
def real(data: Path) -> list[Example]:
    return load_datasets([data / "kermany", data / "nih_adult", data / "rsna_adult"])


@pytest.mark.data
def test_no_patient_is_in_two_splits(real: list[Example]) -> None:
    splits = defaultdict(set)
    for example in real:
        splits[example.patient].add(example.split)
    assert not [patient for patient, found in splits.items() if len(found) > 1]


@pytest.mark.data
def test_official_test_split(real: list[Example]) -> None:
    assert Counter(e.label for e in select(real, "test", "child")) == {0: 234, 1: 390}
    children = [e for e in real if e.population == "child" and "kermany" in e.path.parts]
    assert Counter(e.label for e in children if e.split != "test") == {0: 1341, 1: 3875}
    assert sum(e.lung_mask is not None for e in children) == 5810
    assert sum(e.original is not None for e in children) == 1566


@pytest.mark.data
def test_radiologists_classes_of_adults(real: list[Example]) -> None:
    def classes(split: Split) -> Counter[str]:
        return Counter(e.group for e in select(real, split, "adult"))

    assert classes("test") == {"opacity": 64, "normal": 398, "not normal": 75}
    assert classes("validation") == {"opacity": 26, "normal": 95 + 393, "not normal": 88}
    assert classes("train")["opacity"] == 71
    assert not any(e.group == "mined" for e in real if e.split != "train")
    assert all(e.boxes for e in real if e.group == "opacity")


@pytest.mark.data
def test_both_classes_in_every_split(real: list[Example]) -> None:
    for population in POPULATIONS:
        for split in SPLITS:
            assert {e.label for e in select(real, split, population)} == {0, 1}


@pytest.mark.data
def test_copies_reach_the_model_as_their_originals_do(real: list[Example]) -> None:
    """The 224-pixel JPEG copies and the larger originals of the same radiographs, after preprocessing."""
    pairs = [(e.path, e.original) for e in real if e.original][::32]
    assert len(pairs) > 40
    rms = []
    for copy, original in pairs:
        a, b = (standardise(resample(load_radiograph(path).pixels)) for path in (copy, original) if path)
        rms.append(float(np.sqrt(np.mean((a - b) ** 2))))
    assert np.median(rms) < 0.01
    assert max(rms) < 0.02

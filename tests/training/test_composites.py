from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pulmoscan.errors import DatasetError
from pulmoscan.samples import gallery
from pulmoscan.training import composites, sources
from pulmoscan.training.alignment import (
    HEIGHT,
    LUNG_BOX,
    WIDTH,
    blur,
    detail,
    find_flow,
    follow,
    lung_affine,
    lung_correlation,
    refine_group,
    to_frame,
)
from pulmoscan.training.blending import clipped_mean, restore_detail
from pulmoscan.training.datasets import is_validation_patient, load_dataset
from pulmoscan.training.resemblance import nearest, resemblance
from pulmoscan.training.sources import load_sources


def chest(seed: int, bend: float = 0.0, side: float = 2.5) -> NDArray[np.float32]:
    """A stand-in for a radiograph [320, 448]: ribs that every one has, bent by `bend` pixels, and own texture."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    y = y + bend * np.sin(x / WIDTH * np.pi) + 0.0004 * (x - WIDTH / 2) ** 2
    ribs = (np.sin(y / 30 * 2 * np.pi) > side / 5).astype(np.float32)
    own = blur(np.random.default_rng(seed).normal(size=(HEIGHT, WIDTH)).astype(np.float32), 3)
    return blur(ribs, 1.5) + 0.2 * own / own.std()


@pytest.mark.parametrize("tilt", [-8.0, 0.0, 8.0])
def test_lungs_come_level_into_the_box(tilt: float) -> None:
    mask = np.zeros((300, 400), dtype=np.uint8)
    cv2.ellipse(mask, (130, 150), (50, 100), 0, 0, 360, 1, -1)
    cv2.ellipse(mask, (270, 150), (50, 100), 0, 0, 360, 1, -1)
    turned = cv2.warpAffine(mask, cv2.getRotationMatrix2D((200, 150), tilt, 0.9), (400, 300)).astype(bool)
    framed, coverage = to_frame(turned.astype(np.float32), lung_affine(turned))
    rows, columns = np.nonzero(framed > 0.5)
    np.testing.assert_allclose([columns.min(), rows.min(), columns.max(), rows.max()], LUNG_BOX, atol=6)
    left, right = (np.nonzero(half > 0.5)[0].mean() for half in (framed[:, : WIDTH // 2], framed[:, WIDTH // 2 :]))
    assert abs(left - right) < 4
    assert 0.5 < coverage <= 1


def test_the_frame_goes_on_smoothly_beyond_the_image() -> None:
    stripes = np.tile(np.array([0.0, 1.0], dtype=np.float32), (100, 50))
    framed, coverage = to_frame(stripes, np.array([[1.0, 0, 0], [0, 1.0, 0]]))
    assert coverage == pytest.approx(100 * 100 / (WIDTH * HEIGHT), rel=0.05)
    assert framed[20, 20:80].std() > 0.4
    assert framed[150:, 20:80].std() < 0.05


def test_the_flow_finds_bent_ribs() -> None:
    fixed, moving = detail(chest(1)), detail(chest(2, bend=8))
    before = lung_correlation(fixed, moving)
    assert lung_correlation(fixed, follow(moving, find_flow(fixed, moving))) > before + 0.2


def test_a_group_meets_in_its_mean_shape() -> None:
    bends = (-9, -3, 3, 9)
    details = [detail(chest(i, bend)) for i, bend in enumerate(bends)]
    flows = [find_flow(details[0], image) for image in details]
    group = np.mean(
        [follow(image, flow) for image, flow in zip(details, refine_group(details, flows), strict=True)], axis=0
    )
    assert lung_correlation(group, detail(chest(9, bend=0))) > lung_correlation(group, detail(chest(9, bend=-9))) + 0.1


def test_each_member_weighs_one_nth() -> None:
    stack = np.zeros((10, 8, 8), dtype=np.float32) + np.linspace(0, 0.09, 10, dtype=np.float32)[:, None, None]
    np.testing.assert_allclose(clipped_mean(stack), stack.mean(axis=0), atol=0.004)


def test_a_side_marker_of_one_member_does_not_come_through() -> None:
    stack = np.random.default_rng(0).normal(0, 0.05, (10, 32, 32)).astype(np.float32)
    marked = stack.copy()
    marked[3, 8:20, 8:20] += 3
    assert np.abs(clipped_mean(marked) - clipped_mean(stack)).max() < 0.05
    assert np.abs(marked.mean(axis=0) - stack.mean(axis=0)).max() > 0.25


def test_detail_regains_its_members_typical_energy_and_no_more() -> None:
    stack = np.stack([chest(i) for i in range(10)])
    faint = blur(stack.mean(axis=0), 2)
    restored = restore_detail(faint, stack)

    def energy(image: NDArray[np.float32]) -> float:
        return float(np.std((blur(image, 2) - blur(image, 4))[40:-40, 40:-40]))

    typical = np.median([energy(member) for member in stack])
    assert energy(faint) < 0.9 * typical
    assert energy(restored) == pytest.approx(typical, rel=0.1)


def test_detail_of_a_single_member_is_not_put_in() -> None:
    """One member's own texture must stay as faint in the composite as any other's."""
    stack = np.stack([chest(i) for i in range(10)])
    composite = restore_detail(clipped_mean(stack), stack)
    own = [lung_correlation(composite - blur(composite, 8), chest(i) - blur(chest(i), 8)) for i in range(10)]
    assert max(own) - min(own) < 0.1


def test_resemblance_tells_a_copy_from_another_radiograph() -> None:
    first, other = chest(1), chest(2, bend=6)
    small = cv2.resize(first, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
    copy = np.asarray(cv2.resize(small, (WIDTH, HEIGHT)), dtype=np.float32)
    assert resemblance(first, copy) > 0.95
    assert resemblance(first, other) < 0.9
    index, value = nearest(first, [other, chest(3), copy, chest(4, bend=-6)])
    assert index == 2
    assert value == pytest.approx(resemblance(first, copy))


def test_sources_are_training_patients_only_each_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MIN_SOURCES", 2)
    write_dataset(tmp_path)
    found = load_sources(tmp_path)
    patients = [source.example.patient for source in found]
    assert len(patients) == len(set(patients))
    trained = {e.patient for e in load_dataset(tmp_path) if e.split == "train"}
    assert set(patients) == trained
    assert not any(is_validation_patient(patient, "child") for patient in patients)
    assert 0 < len(trained) < 24
    assert all(-0.5 < np.median(source.pixels) < 1.5 for source in found)
    monkeypatch.setattr(sources, "MIN_SOURCES", 100)
    with pytest.raises(DatasetError, match="too few"):
        load_sources(tmp_path)


def test_the_command_makes_the_same_gallery_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("data_store", reason="pydicom-data is not installed")
    write_dataset(tmp_path / "data")
    for name, value in {
        "MEMBERS": 3,
        "NEIGHBOURS": (4, 4),
        "PATTERNS": ("right upper",),
        "CANDIDATES_NORMAL": 1,
        "CANDIDATES_PER_PATTERN": 1,
        "CANDIDATES_BETWEEN": 1,
        "SHOWN": 0.0,
        "CHOSEN": {
            2: composites.Choice("borderline_1", "The threshold decides."),
            0: composites.Choice("normal_1"),
            1: composites.Choice("pneumonia_1"),
        },
        "REFERENCES": 2,
    }.items():
        monkeypatch.setattr(composites, name, value)
    monkeypatch.setattr(sources, "MIN_SOURCES", 2)
    made = []
    for out in ("once", "again"):
        arguments = ["composites", "--data", str(tmp_path / "data"), "--out", str(tmp_path / out)]
        monkeypatch.setattr("sys.argv", arguments)
        composites.main()
        made.append({path.name: path.read_bytes() for path in (tmp_path / out).iterdir()})
    assert made[0] == made[1]
    samples = gallery(tmp_path / "once")
    assert [(s.path.name, s.label) for s in samples] == [
        ("borderline_1.png", "unknown"),
        ("normal_1.png", "normal"),
        ("pneumonia_1.png", "pneumonia"),
        ("adult_pa.png", "unknown"),
    ]
    assert "Composite of 2 training radiographs" in samples[0].caption
    assert samples[0].caption.endswith("half are pneumonias. The threshold decides.")
    assert "Composite of 3 training radiographs" in samples[1].caption
    assert "same patient, other exposure: n 2" in capsys.readouterr().out


def write_dataset(folder: Path) -> None:
    for split in ("train", "test"):
        for name in ("NORMAL", "PNEUMONIA"):
            for patient in range(1, 13):
                for exposure in (1, 2):
                    file = f"{'IM-' if name == 'NORMAL' else 'person'}{patient:04d}_virus_{exposure}"
                    write_chest(folder, split, name, file)


def write_chest(folder: Path, split: str, name: str, file: str) -> None:
    mask = np.zeros((224, 224), dtype=np.uint8)
    for x in (70, 154):
        cv2.ellipse(mask, (x, 112), (36, 74), 0, 0, 360, 255, -1)
    picture = np.random.default_rng(len(name) + sum(file.encode())).integers(150, 255, (224, 224)).astype(np.uint8)
    picture[mask > 0] //= 2
    for place, pixels, ending in (
        ("images224", picture, ".jpeg"),
        ("originals448", cv2.resize(picture, (448, 336)), ".jpeg"),
        ("lung_masks224", mask, ".png"),
    ):
        path = folder / place / split / name / f"{file}{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(pixels)).save(path)

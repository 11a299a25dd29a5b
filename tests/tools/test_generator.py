from __future__ import annotations

from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pulmoscan.errors import DatasetError
from pulmoscan.gallery.samples import gallery
from pulmoscan.training.data.datasets import Example, is_validation_patient, load_dataset
from tools import generate, sources
from tools.alignment import (
    HEIGHT,
    LUNG_BOX,
    WIDTH,
    align_to_mean_shape,
    blur,
    detail,
    find_flow,
    follow,
    invert,
    lung_affine,
    lung_correlation,
    to_frame,
)
from tools.detail_bands import restore_detail, typical_energies
from tools.generator import Generator, draw, fit, without_markers
from tools.resemblance import library, resemblance
from tools.sources import SourceRadiograph, load_sources, read_source


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


def test_a_flow_can_be_undone() -> None:
    image = chest(1)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    flow = np.stack([6 * np.sin(y / 60), 6 * np.cos(x / 60)], axis=-1).astype(np.float32)
    back = follow(follow(image, flow), invert(flow))
    inner = (slice(20, -20), slice(20, -20))
    assert np.abs(follow(image, flow) - image)[inner].mean() > 0.2
    assert np.abs(back - image)[inner].mean() < 0.02


def test_all_meet_in_their_mean_shape() -> None:
    """Whichever of them the search starts from."""
    images = [detail(chest(i, bend)) for i, bend in enumerate((-9, -6, -3, 0, 3, 6, 9))]
    alignment = align_to_mean_shape(images, start=0)
    flows = alignment.flows.astype(np.float32)
    mean = np.mean([follow(image, flow) for image, flow in zip(images, flows, strict=True)], axis=0)
    assert lung_correlation(mean, detail(chest(9, bend=0))) > lung_correlation(mean, detail(chest(9, bend=-9))) + 0.1
    assert alignment.fits.min() > lung_correlation(images[0], images[-1]) + 0.2


def test_what_only_one_shows_is_not_learned() -> None:
    stack = np.stack([chest(i) for i in range(10)])
    marked = stack.copy()
    marked[3, 120:140, 120:140] += 5  # in a lung
    marked[4, 4:20, 4:20] += 5  # in a corner
    change = np.abs(without_markers(marked) - without_markers(stack))
    assert change[3].max() < 1.5
    assert change[4].max() < 0.5


def test_detail_regains_its_typical_energy_and_no_more() -> None:
    stack = np.stack([chest(i) for i in range(10)])
    faint = blur(stack.mean(axis=0), 2)
    restored = restore_detail(faint, typical_energies(stack))

    def energy(image: NDArray[np.float32]) -> float:
        return float(np.std((blur(image, 2) - blur(image, 4))[40:-40, 40:-40]))

    typical = np.median([energy(member) for member in stack])
    assert energy(faint) < 0.9 * typical
    assert energy(restored) == pytest.approx(typical, rel=0.1)
    np.testing.assert_allclose(restore_detail(3 * stack[0], typical_energies(stack)), 3 * stack[0], atol=1e-4)


@pytest.fixture(scope="module")
def made_up_sources() -> list[SourceRadiograph]:
    """Ten chests of each class; those with pneumonia are dense in one zone."""
    found = []
    for seed in range(20):
        pixels = chest(seed, bend=seed % 5 - 2)
        if seed >= 10:
            pixels[180:240, 100:180] += 1.5
        example = Example(Path(f"{seed}.jpeg"), int(seed >= 10), f"patient {seed}", "child", "train")
        found.append(
            SourceRadiograph(example, pixels, low=0.3 + 0.01 * (seed % 4), high=0.7, squeeze=0.9 + 0.01 * (seed % 3))
        )
    return found


@pytest.fixture(scope="module")
def generator(made_up_sources: list[SourceRadiograph]) -> Generator:
    return fit(made_up_sources, components=3)


def test_a_draw_shows_what_it_is_conditioned_on(generator: Generator) -> None:
    def density(pneumonia: float) -> float:
        return float(np.mean([draw(generator, pneumonia, seed).framed[190:230, 110:170].mean() for seed in range(6)]))

    normal, between, pneumonia = (density(share) for share in (0.0, 0.5, 1.0))
    assert pneumonia - normal == pytest.approx(1.5, abs=0.3)
    assert between == pytest.approx((normal + pneumonia) / 2, abs=0.3)


def test_draws_differ_by_their_seed_alone(generator: Generator) -> None:
    first, again, other = (draw(generator, 1.0, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.pixels, again.pixels)
    assert np.abs(first.framed - other.framed).mean() > 0.01
    assert first.pixels.shape[1] == WIDTH
    assert 0.85 < first.pixels.shape[0] / HEIGHT < 0.98
    assert 0 <= first.pixels.min() < first.pixels.max() <= 1


def test_a_draw_is_nobodys(generator: Generator, made_up_sources: list[SourceRadiograph]) -> None:
    """Not nearer to anyone than one chest is to the next, own texture and all."""
    pixels = [source.pixels for source in made_up_sources]
    drawn = draw(generator, 0.0, 3).framed
    assert max(resemblance(drawn, image) for image in pixels) < resemblance(pixels[0], blur(pixels[0], 1)) - 0.03


def test_resemblance_tells_a_copy_from_another_radiograph() -> None:
    first, other = chest(1), chest(2, bend=6)
    small = cv2.resize(first, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
    copy = np.asarray(cv2.resize(small, (WIDTH, HEIGHT)), dtype=np.float32)
    assert resemblance(first, copy) > 0.95
    assert resemblance(first, other) < 0.9


def test_the_nearest_is_found_among_all(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    examples = load_dataset(tmp_path)
    known = library(examples)
    wanted = examples[5]
    assert wanted.original
    assert wanted.lung_mask
    source = read_source(wanted, wanted.original, wanted.lung_mask)
    assert source is not None
    found, value = known.nearest(source.pixels)
    assert found.path == wanted.path
    other, less = known.nearest(source.pixels, but=wanted.patient)
    assert other.patient != wanted.patient
    assert less < value


def test_sources_are_training_patients_only_each_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MIN_SOURCES", 2)
    write_dataset(tmp_path)
    found = load_sources(tmp_path)
    patients = [source.example.patient for source in found]
    assert len(patients) == len(set(patients))
    trained = {e.patient for e in load_dataset(tmp_path) if e.split == "train"}
    assert set(patients) == trained
    assert not any(is_validation_patient(patient) for patient in patients)
    assert 0 < len(trained) < 24
    assert all(-0.5 < np.median(source.pixels) < 1.5 for source in found)
    monkeypatch.setattr(sources, "MIN_SOURCES", 100)
    with pytest.raises(DatasetError, match="too few"):
        load_sources(tmp_path)


def test_the_command_makes_the_same_gallery_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("data_store", reason="pydicom-data is not installed")
    write_dataset(tmp_path / "data", patients=7)
    chosen = (
        generate.Choice("borderline", 1, "The threshold decides."),
        generate.Choice("normal", 0),
        generate.Choice("pneumonia", 0),
    )
    monkeypatch.setattr(generate, "CHOSEN", chosen)
    monkeypatch.setattr(generate, "REFERENCES", 2)
    monkeypatch.setattr(generate, "fit", partial(fit, components=2))
    monkeypatch.setattr(sources, "MIN_SOURCES", 2)
    made = []
    for out in ("once", "again"):
        monkeypatch.setattr("sys.argv", ["generate", "--data", str(tmp_path / "data"), "--out", str(tmp_path / out)])
        generate.main()
        made.append({path.name: path.read_bytes() for path in (tmp_path / out).rglob("*.*")})
    assert made[0] == made[1]
    samples = gallery(tmp_path / "once")
    assert [(s.path.name, s.label) for s in samples] == [
        ("borderline_1.png", "unknown"),
        ("normal_1.png", "normal"),
        ("pneumonia_1.png", "pneumonia"),
        ("adult_pa.png", "unknown"),
    ]
    for sample in samples[:3]:
        assert sample.origin.startswith("Generated by a model of training radiographs (Kermany et al. 2018")
        assert sample.origin.endswith("shows no real patient")
        assert sample.origin in sample.caption
    assert samples[0].caption.endswith("Drawn halfway between the generator's two classes. The threshold decides.")
    assert samples[1].caption.endswith("Drawn from the generator's normal class.")
    assert "same patient, other exposure: n 2" in capsys.readouterr().out


def test_all_candidates_can_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_dataset(tmp_path / "data", patients=7)
    monkeypatch.setattr(generate, "CANDIDATES", 2)
    monkeypatch.setattr(generate, "fit", partial(fit, components=2))
    monkeypatch.setattr(sources, "MIN_SOURCES", 2)
    arguments = ["generate", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "all"), "--all"]
    monkeypatch.setattr("sys.argv", arguments)
    generate.main()
    assert sorted(path.stem for path in (tmp_path / "all").glob("*.png")) == [
        f"{kind}_{number:02d}" for kind in ("borderline", "normal", "pneumonia") for number in (0, 1)
    ]


def write_dataset(folder: Path, patients: int = 12) -> None:
    """So many of each class in each split, two exposures of each."""
    for split in ("train", "test"):
        for name in ("NORMAL", "PNEUMONIA"):
            for patient in range(1, patients + 1):
                for exposure in (1, 2):
                    file = f"{'IM-' if name == 'NORMAL' else 'person'}{patient:04d}_virus_{exposure}"
                    write_chest(folder, split, name, file)


def write_chest(folder: Path, split: str, name: str, file: str) -> None:
    mask = np.zeros((224, 224), dtype=np.uint8)
    for x in (70, 154):
        cv2.ellipse(mask, (x, 112), (36, 74), 0, 0, 360, 255, -1)
    picture = np.random.default_rng(list(f"{split}{file}".encode())).integers(150, 255, (224, 224)).astype(np.uint8)
    picture[mask > 0] //= 2
    for place, pixels, ending in (
        ("images224", picture, ".jpeg"),
        ("originals448", cv2.resize(picture, (448, 336)), ".jpeg"),
        ("lung_masks224", mask, ".png"),
    ):
        path = folder / place / split / name / f"{file}{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(pixels)).save(path)

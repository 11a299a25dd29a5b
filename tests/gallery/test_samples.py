from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pulmoscan import settings
from pulmoscan.errors import GalleryDamaged, GalleryMissing, OwnGalleryDamaged
from pulmoscan.examination.examine import examine
from pulmoscan.gallery import samples
from pulmoscan.gallery.samples import gallery, own_gallery
from pulmoscan.models.loading import load_classifier
from pulmoscan.models.registry import MODELS
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.screening import read_with

LOWEST_OF_COPIES = 0.93
"""The least that a radiograph and its own smaller copy reach; see test_samples/README.md."""


def entry(**changes: Any) -> dict[str, Any]:
    fields = {"file": "a.png", "title": "A", "label": "normal", "caption": "A caption.", "origin": "Made here"}
    return {**fields, **changes}


def write_manifest(folder: Path, *entries: object) -> None:
    (folder / "samples.json").write_text(json.dumps({"samples": entries}))
    Image.new("L", (8, 8)).save(folder / "a.png")


def test_reads_the_fields_in_the_order_of_the_manifest(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "b.png")
    write_manifest(tmp_path, entry(file="b.png", label="pneumonia"), entry(seed=7))
    first, second = gallery(tmp_path)
    assert (first.path, first.label) == (tmp_path / "b.png", "pneumonia")
    assert (second.title, second.caption, second.origin) == ("A", "A caption.", "Made here")


def test_leaves_out_what_has_no_image(tmp_path: Path) -> None:
    write_manifest(tmp_path, entry(), entry(file="gone.png"))
    assert [sample.path.name for sample in gallery(tmp_path)] == ["a.png"]


def test_says_the_mend_when_there_is_no_manifest_or_no_image(tmp_path: Path) -> None:
    with pytest.raises(GalleryMissing, match="git checkout"):
        gallery(tmp_path)
    write_manifest(tmp_path, entry(file="gone.png"))
    with pytest.raises(GalleryMissing, match="git checkout"):
        gallery(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"[]",
        b'{"samples": 3}',
        b'{"samples": ["a.png"]}',
        json.dumps({"samples": [entry(label="healthy")]}).encode(),
        json.dumps({"samples": [entry(title="")]}).encode(),
        json.dumps({"samples": [entry(caption=None)]}).encode(),
        json.dumps({"samples": [entry(file="../a.png")]}).encode(),
        json.dumps({"samples": [{"file": "a.png"}]}).encode(),
    ],
)
def test_refuses_a_damaged_manifest(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "samples.json").write_bytes(content)
    with pytest.raises(GalleryDamaged, match="git checkout"):
        gallery(tmp_path)


def test_order_is_fixed_and_mixes_the_labels() -> None:
    mixed = samples.shuffled(gallery())
    assert mixed == samples.shuffled(gallery()[::-1])
    labels = [sample.label for sample in mixed if sample.has_answer]
    changes = sum(first != second for first, second in itertools.pairwise(labels))
    assert changes >= 3, "the classes do not stand in blocks"


# The user's own


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "own"
    monkeypatch.setenv("PULMOSCAN_SAMPLES", str(folder))
    return folder


def save(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 8)).save(path)


def test_own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PULMOSCAN_SAMPLES", raising=False)
    assert settings.own_folder() == tmp_path / ".pulmoscan" / "samples"
    monkeypatch.setenv("PULMOSCAN_SAMPLES", "~/chests")
    assert settings.own_folder() == tmp_path / "chests"


def test_there_are_no_own_samples_until_there_are(own: Path) -> None:
    assert own_gallery() == []
    own.mkdir()
    assert own_gallery() == []


def test_a_datasets_folder_labels_its_images(own: Path) -> None:
    for name in ("test/NORMAL/a.jpeg", "test/Pneumonia/b.jpeg", "test/other/c.png", "notes.txt/d.txt"):
        save(own / name) if name.endswith(("jpeg", "png")) else (own / name).parent.mkdir(parents=True)
    found = own_gallery()
    assert [(s.path.name, s.label) for s in found] == [
        ("a.jpeg", "normal"),
        ("b.jpeg", "pneumonia"),
        ("c.png", "unknown"),
    ]
    assert all(sample.is_own for sample in found)


def test_of_a_large_dataset_only_some_are_shown(own: Path) -> None:
    for number in range(samples.MOST_OWN + 5):
        save(own / f"{number:03}.png")
    assert len(own_gallery()) == samples.MOST_OWN


def test_own_manifest_comes_first_and_a_damaged_one_is_told(own: Path) -> None:
    save(own / "z.png")
    write_manifest(own, entry(label="pneumonia"))
    assert [(s.path.name, s.label) for s in own_gallery()] == [("a.png", "pneumonia"), ("z.png", "unknown")]
    (own / "samples.json").write_text('{"samples": {}}')
    with pytest.raises(OwnGalleryDamaged, match="samples add"):
        own_gallery()


# The gallery of this checkout


def test_every_shipped_image_is_listed_and_every_entry_has_its_image() -> None:
    folder = settings.gallery_folder()
    listed = [e["file"] for e in json.loads((folder / samples.MANIFEST_NAME).read_text(encoding="utf-8"))["samples"]]
    assert sorted(listed) == sorted(path.name for path in folder.glob("*.png"))
    assert len(gallery()) == len(listed)


def test_has_ten_of_each_class_a_borderline_case_and_a_real_radiograph() -> None:
    labels = [sample.label for sample in gallery()]
    assert [labels.count(label) for label in ("normal", "pneumonia", "unknown")] == [10, 10, 2]


@pytest.mark.weights
@pytest.mark.parametrize("model", MODELS)
def test_every_model_reads_the_labelled_ones_right_at_its_balanced_operating_point(model: str) -> None:
    classifier = load_classifier(model)
    answered = [sample for sample in gallery() if sample.has_answer]
    probabilities = [read_with(classifier, load_radiograph(sample.path)).probability for sample in answered]
    called = {s.path.name: p >= classifier.card.balanced["child"] for s, p in zip(answered, probabilities, strict=True)}
    assert called == {sample.path.name: sample.label == "pneumonia" for sample in answered}
    assert set(called.values()) == {False, True}


@pytest.mark.weights
def test_the_models_disagree_on_the_borderline_case() -> None:
    """As its caption says, at their balanced operating points."""
    borderline = load_radiograph(settings.gallery_folder() / "borderline_1.png")
    called = {
        read_with(classifier, borderline).probability >= classifier.card.balanced["child"]
        for classifier in map(load_classifier, MODELS)
    }
    assert called == {False, True}


@pytest.mark.weights
def test_the_gate_lets_every_one_through() -> None:
    for sample in gallery():
        assert examine(load_radiograph(sample.path)).refusal is None, sample.path.name


def test_every_image_is_a_radiograph_that_says_what_it_is() -> None:
    for sample in gallery():
        check_image(sample)


def check_image(sample: samples.GallerySample) -> None:
    with Image.open(sample.path) as image:
        assert image.mode == "L"
        assert 448 <= max(image.size) <= 1024
        assert image.text["Source"] == sample.origin  # type: ignore[attr-defined]
        assert image.text["Description"] == sample.caption  # type: ignore[attr-defined]
        assert np.ptp(np.asarray(image)) > 150
    if sample.path.name != "adult_pa.png":
        for text in (sample.origin, sample.caption):
            assert "Generated by a model of training radiographs" in text
            assert "CC BY 4.0" in text
            assert "doi 10.17632/rscbjbr9sj" in text
            assert "shows no real patient" in text


def test_no_generated_radiograph_is_as_near_to_a_real_one_as_a_copy() -> None:
    manifest = json.loads((settings.gallery_folder() / samples.MANIFEST_NAME).read_text(encoding="utf-8"))
    generated = [e for e in manifest["samples"] if "seed" in e]
    assert len(generated) == len(manifest["samples"]) - 1
    assert len({e["seed"] for e in generated}) == len(generated)
    for e in generated:
        assert 0.5 < e["nearest"]["resemblance"] < LOWEST_OF_COPIES


@pytest.mark.data
def test_no_image_is_a_file_of_the_datasets(data: Path) -> None:
    mine = {digest(sample.path): sample.path.name for sample in gallery()}
    sizes = {sample.path.stat().st_size for sample in gallery()}
    theirs = [path for path in data.rglob("*") if path.is_file()]
    assert theirs
    copies = [path for path in theirs if path.stat().st_size in sizes and digest(path) in mine]
    assert copies == []


def digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()

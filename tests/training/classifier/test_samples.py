from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from pulmoscan.examination import lungs
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.training.classifier import samples as samples_module
from pulmoscan.training.classifier.samples import (
    BatchPlan,
    Sample,
    TrainingSamples,
    class_weights,
    collate,
    draws_of,
    ellipses_in,
)
from pulmoscan.training.data.augmentation import resample_randomly
from pulmoscan.training.data.datasets import Example, load_datasets, select
from tests.training.made_up import make_kermany, make_nih

pytestmark = pytest.mark.usefixtures("models")  # for the lung network


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    folder = tmp_path_factory.mktemp("data")
    return select(load_datasets([make_kermany(folder / "kermany", 5, 0, 0), make_nih(folder / "nih")]), "train")


def example(label: int, population: str = "child", original: bool = True) -> Example:
    path = Path("x.jpeg")
    return Example(path, label, "p", population, "train", original=path if original else None)  # type: ignore[arg-type]


def samples_of(examples: Sequence[Example], lung_guided: bool = True, background_share: float = 0.6) -> TrainingSamples:
    return TrainingSamples(examples, [1.0] * len(examples), lung_guided, background_share)


def adults(examples: Sequence[Example]) -> list[int]:
    return [i for i, e in enumerate(examples) if e.population == "adult"]


# Samples


@pytest.mark.parametrize("paired", [False, True])
def test_sample(examples: list[Example], paired: bool) -> None:
    samples = samples_of(examples)
    assert len(samples) == len(examples)
    torch.manual_seed(0)
    sample = samples[0, paired]
    assert sample.views.shape == (1 + paired, 224, 224)
    assert sample.views.dtype == np.float32
    assert (sample.views.min(), sample.views.max()) == (0, 1)
    assert sample.target.shape == (14, 14)
    assert 0 < sample.target.max() <= 1 + 1e-6
    assert sample.label == examples[0].label


def test_samples_vary_and_repeat_with_the_seed(examples: list[Example]) -> None:
    samples = samples_of(examples)

    def draw(seed: int) -> bytes:
        torch.manual_seed(seed)
        return samples[0, True].views.tobytes()

    assert draw(1) == draw(1)
    assert len({draw(seed) for seed in range(5)}) == 5


def test_a_pair_shows_one_scene_with_two_grains(examples: list[Example]) -> None:
    samples = samples_of(examples, background_share=0)
    torch.manual_seed(0)
    for _ in range(5):
        first, second = samples[0, True].views
        assert not np.array_equal(first, second)
        assert np.median(np.abs(first - second)) < 0.06


def test_where_no_mask_is_known_the_lung_network_draws_one(examples: list[Example]) -> None:
    samples = samples_of(examples)
    adult = adults(examples)[0]
    view = lungs.load_reader().look(load_radiograph(examples[adult].path).pixels)
    np.testing.assert_array_equal(samples.masks[adult], np.where(view.mask, 255, 0))
    unguided = samples_of(examples, lung_guided=False)
    assert unguided[0, False].target.max() == 0
    assert unguided.background_share == 0


def test_images_are_held_at_448_at_most(examples: list[Example]) -> None:
    samples = samples_of(examples)
    held = samples.images + [o for o in samples.originals if o is not None]
    assert max(max(image.shape) for image in held) == 448
    assert {image.dtype for image in held} == {np.dtype(np.uint8)}


# Batches


def test_examples_come_as_often_as_they_are_drawn(examples: list[Example]) -> None:
    draws = [3.0 if e.population == "adult" else 1.0 for e in examples]
    plan = BatchPlan(examples, draws, views=4, pairs=1, seed=0)
    batches = list(plan)
    assert len(batches) == len(plan) == (10 + 3 * 4) // 2
    singles = Counter(i for batch in batches for i, paired in batch if not paired)
    assert singles == {i: 3 if i in adults(examples) else 1 for i in range(len(examples))}
    for batch in batches:
        assert [paired for _, paired in batch] == [False, False, True]
        assert examples[batch[-1][0]].original is not None


def test_of_a_fraction_a_part_comes_each_epoch() -> None:
    examples = [example(i % 2) for i in range(200)]
    plan = BatchPlan(examples, [0.25] * 200, views=4, pairs=0, seed=0)
    seen: Counter[int] = Counter()
    for epoch in range(40):
        plan.epoch = epoch
        drawn = [i for batch in plan for i, _ in batch]
        assert len(drawn) == 48  # 50 are meant, 12 batches of four are full
        seen.update(drawn)
    assert np.mean([seen[i] for i in range(200)]) == pytest.approx(40 * 0.24, rel=0.01)
    assert min(seen[i] for i in range(200)) > 0


def test_groups_have_their_draws() -> None:
    opacity = dataclasses.replace(example(1, "adult"), group="opacity")
    assert draws_of([example(0), opacity], {"opacity": 6.0}) == [1.0, 6.0]


def test_epochs_differ_and_repeat(examples: list[Example]) -> None:
    once = [1.0] * len(examples)
    plan = BatchPlan(examples, once, 4, 1, seed=0)
    first = list(plan)
    assert list(plan) == first
    plan.epoch = 1
    assert list(plan) != first
    assert list(BatchPlan(examples, once, 4, 1, seed=1)) != first


def test_without_originals_there_are_no_pairs() -> None:
    plan = BatchPlan([example(i % 2, original=False) for i in range(12)], [1.0] * 12, 4, 1, 0)
    assert [len(batch) for batch in plan] == [4, 4, 4]
    assert not any(paired for batch in plan for _, paired in batch)


def test_collate_puts_first_views_before_second_ones() -> None:
    def sample(number: int, views: int) -> Sample:
        picture = np.full((views, 224, 224), number, np.float32)
        picture[1:] += 0.5
        return Sample(picture, np.full((14, 14), number, np.float32), number % 2, 10.0 + number)

    batch = collate([sample(1, 1), sample(2, 2), sample(3, 2), sample(4, 1)])
    assert batch.pairs == 2
    assert batch.grey[:, 0, 0].tolist() == [1, 4, 2, 3, 2.5, 3.5]
    assert batch.targets[:, 0, 0].tolist() == [1, 4, 2, 3, 2, 3]
    assert batch.labels.tolist() == [1, 0, 0, 1, 0, 1]
    assert batch.weights.tolist() == [11, 14, 12, 13, 12, 13]


def test_class_weights() -> None:
    """Both classes, as they are drawn, have equal say within each population."""
    examples = [example(1)] * 6 + [example(0)] * 2 + [example(1, "adult")] * 1 + [example(0, "adult")] * 3
    draws = [0.5] * 8 + [6.0] + [1.0] * 3
    weights = class_weights(examples, draws)
    for population in ("child", "adult"):
        say = [
            sum(
                weight * drawn
                for weight, drawn, e in zip(weights, draws, examples, strict=True)
                if (e.population, e.label) == (population, label)
            )
            for label in (0, 1)
        ]
        assert say[0] == pytest.approx(say[1])


def test_class_weights_of_adults_are_equal_within_each_view() -> None:
    def adult(label: int, view: str) -> Example:
        return dataclasses.replace(example(label, "adult"), subgroup=view)

    examples = [adult(0, "AP")] * 6 + [adult(1, "AP")] + [adult(0, "PA")] * 2 + [adult(1, "PA")] * 6
    weights = np.array(class_weights(examples, [1.0] * len(examples)))
    for view in ("AP", "PA"):
        of = [
            sum(w for w, e in zip(weights, examples, strict=True) if (e.subgroup, e.label) == (view, c)) for c in (0, 1)
        ]
        assert of[0] == pytest.approx(of[1])


def test_no_example_shouts() -> None:
    examples = [example(0)] * 99 + [example(1)]
    assert class_weights(examples, [1.0] * 100)[-1] == 6.0


# Boxes


def test_ellipses_lie_in_their_boxes() -> None:
    mask = ellipses_in([(0.25, 0.5, 0.25, 0.25)])
    rows, columns = np.nonzero(mask)
    assert (rows.min(), rows.max()) == pytest.approx((112, 168), abs=1)
    assert (columns.min(), columns.max()) == pytest.approx((56, 112), abs=1)
    assert (mask > 0).mean() == pytest.approx(np.pi / 4 / 16, rel=0.05)
    assert mask[113, 57] == 0, "the corner of the box stays out"


def test_where_radiologists_drew_boxes_evidence_belongs_there(examples: list[Example]) -> None:
    """Carried through the same window and scene as the radiograph: a bright ellipse stays under its target."""
    boxed = dataclasses.replace(next(e for e in examples if e.lung_mask), boxes=((0.55, 0.3, 0.2, 0.3),))
    samples = samples_of([boxed], background_share=0.0)
    ellipse = ellipses_in(boxed.boxes)
    samples.images = [np.where(ellipse > 0, 255, 20).astype(np.uint8)]
    samples.originals = [None]
    torch.manual_seed(0)
    for _ in range(8):
        sample = samples[0, False]
        inside = cv2.resize(sample.target, (224, 224), interpolation=cv2.INTER_NEAREST) > 0.6
        assert inside.any()
        assert np.median(sample.views[0][inside]) > 0.8
    unboxed = samples_of([dataclasses.replace(boxed, boxes=())])
    assert unboxed[0, False].target.sum() > sample.target.sum()


def test_adults_come_as_small_copies_of_either_class(examples: list[Example], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is held at 448 pixels goes through 299 pixels or fewer, or the model would learn the resampling."""
    sizes = []

    def noted(pixels: np.ndarray, *rest: Any) -> np.ndarray:
        sizes.append(pixels.shape)
        return resample_randomly(pixels, *rest)

    samples = samples_of(examples, background_share=0.0)
    monkeypatch.setattr(samples_module, "resample_randomly", noted)
    for number in adults(examples):
        samples[number, False]
    assert sizes
    assert {side for shape in sizes for side in shape} <= {299, 256, 224}


def test_framing_is_alike_for_both_classes(examples: list[Example]) -> None:
    """The lungs that a feature grid sees do not depend on how they stood in the picture."""
    samples = samples_of([e for e in examples if e.lung_mask])
    torch.manual_seed(0)
    drawn = [samples[i, False] for i in range(len(samples)) for _ in range(6)]
    shares = [np.mean([s.target.mean() for s in drawn if s.label == label]) for label in (0, 1)]
    assert shares[0] == pytest.approx(shares[1], rel=0.15)

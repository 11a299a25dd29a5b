from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from pulmoscan.examination import lungs
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.training.classifier.samples import BatchPlan, Sample, TrainingSamples, class_weights, collate
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


def adults(examples: Sequence[Example]) -> list[int]:
    return [i for i, e in enumerate(examples) if e.population == "adult"]


# Samples


@pytest.mark.parametrize("paired", [False, True])
def test_sample(examples: list[Example], paired: bool) -> None:
    samples = TrainingSamples(examples)
    assert len(samples) == len(examples)
    torch.manual_seed(0)
    sample = samples[0, paired]
    assert sample.views.shape == (1 + paired, 224, 224)
    assert sample.views.dtype == np.float32
    assert (sample.views.min(), sample.views.max()) == (0, 1)
    assert sample.lungs.shape == (7, 7)
    assert 0 < sample.lungs.max() <= 1 + 1e-6
    assert sample.label == examples[0].label


def test_samples_vary_and_repeat_with_the_seed(examples: list[Example]) -> None:
    samples = TrainingSamples(examples)

    def draw(seed: int) -> bytes:
        torch.manual_seed(seed)
        return samples[0, True].views.tobytes()

    assert draw(1) == draw(1)
    assert len({draw(seed) for seed in range(5)}) == 5


def test_a_pair_shows_one_scene_with_two_grains(examples: list[Example]) -> None:
    samples = TrainingSamples(examples, background_share=0)
    torch.manual_seed(0)
    for _ in range(5):
        first, second = samples[0, True].views
        assert not np.array_equal(first, second)
        assert np.median(np.abs(first - second)) < 0.06


def test_where_no_mask_is_known_the_lung_network_draws_one(examples: list[Example]) -> None:
    samples = TrainingSamples(examples)
    adult = adults(examples)[0]
    view = lungs.load_reader().look(load_radiograph(examples[adult].path).pixels)
    np.testing.assert_array_equal(samples.masks[adult], np.where(view.mask, 255, 0))
    unguided = TrainingSamples(examples, lung_guided=False)
    assert unguided[0, False].lungs.max() == 0
    assert unguided.background_share == 0


def test_images_are_held_at_448_at_most(examples: list[Example]) -> None:
    samples = TrainingSamples(examples)
    held = samples.images + [o for o in samples.originals if o is not None]
    assert max(max(image.shape) for image in held) == 448
    assert {image.dtype for image in held} == {np.dtype(np.uint8)}


# Batches


def test_every_example_comes_once_adults_twice(examples: list[Example]) -> None:
    plan = BatchPlan(examples, views=4, pairs=1, adult_repeats=2, seed=0)
    batches = list(plan)
    assert len(batches) == len(plan) == (10 + 2 * 4) // 2
    singles = Counter(i for batch in batches for i, paired in batch if not paired)
    assert singles == {i: 2 if i in adults(examples) else 1 for i in range(len(examples))}
    for batch in batches:
        assert [paired for _, paired in batch] == [False, False, True]
        assert examples[batch[-1][0]].original is not None


def test_epochs_differ_and_repeat(examples: list[Example]) -> None:
    plan = BatchPlan(examples, 4, 1, 2, seed=0)
    first = list(plan)
    assert list(plan) == first
    plan.epoch = 1
    assert list(plan) != first
    assert list(BatchPlan(examples, 4, 1, 2, seed=1)) != first


def test_without_originals_there_are_no_pairs() -> None:
    plan = BatchPlan([example(i % 2, original=False) for i in range(12)], 4, 1, 1, 0)
    assert [len(batch) for batch in plan] == [4, 4, 4]
    assert not any(paired for batch in plan for _, paired in batch)


def test_collate_puts_first_views_before_second_ones() -> None:
    def sample(number: int, views: int) -> Sample:
        picture = np.full((views, 224, 224), number, np.float32)
        picture[1:] += 0.5
        return Sample(picture, np.full((7, 7), number, np.float32), number % 2, 10.0 + number)

    batch = collate([sample(1, 1), sample(2, 2), sample(3, 2), sample(4, 1)])
    assert batch.pairs == 2
    assert batch.grey[:, 0, 0].tolist() == [1, 4, 2, 3, 2.5, 3.5]
    assert batch.lungs[:, 0, 0].tolist() == [1, 4, 2, 3, 2, 3]
    assert batch.labels.tolist() == [1, 0, 0, 1, 0, 1]
    assert batch.weights.tolist() == [11, 14, 12, 13, 12, 13]


def test_class_weights() -> None:
    """Both classes have equal say within each population; the mean is 1."""
    examples = [example(1)] * 6 + [example(0)] * 2 + [example(1, "adult")] * 1 + [example(0, "adult")] * 3
    weights = np.array(class_weights(examples))
    for population in ("child", "adult"):
        of = {
            label: sum(
                w for w, e in zip(weights, examples, strict=True) if (e.population, e.label) == (population, label)
            )
            for label in (0, 1)
        }
        assert of[0] == pytest.approx(of[1])
    assert weights.mean() == pytest.approx(1)


def test_class_weights_of_adults_are_equal_within_each_view() -> None:
    def adult(label: int, view: str) -> Example:
        return dataclasses.replace(example(label, "adult"), subgroup=view)

    examples = [adult(0, "AP")] * 9 + [adult(1, "AP")] + [adult(0, "PA")] * 2 + [adult(1, "PA")] * 6
    weights = np.array(class_weights(examples))
    for view in ("AP", "PA"):
        of = [
            sum(w for w, e in zip(weights, examples, strict=True) if (e.subgroup, e.label) == (view, c)) for c in (0, 1)
        ]
        assert of[0] == pytest.approx(of[1])
    assert weights.mean() == pytest.approx(1)


def test_framing_is_alike_for_both_classes(examples: list[Example]) -> None:
    """The lungs that a feature grid sees do not depend on how they stood in the picture."""
    samples = TrainingSamples([e for e in examples if e.lung_mask])
    torch.manual_seed(0)
    drawn = [samples[i, False] for i in range(len(samples)) for _ in range(6)]
    shares = [np.mean([s.lungs.mean() for s in drawn if s.label == label]) for label in (0, 1)]
    assert shares[0] == pytest.approx(shares[1], rel=0.15)

"""Train one network: guided by lungs and boxes, children and adults together, checkpointed every epoch.

The schedule is fixed beforehand and the last epoch's averaged weights are kept; validation curves are recorded but
choose nothing. Several trainings that differ in their seed alone end as one network, the mean of their weights.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader
from tqdm import tqdm

from pulmoscan.errors import TrainingError
from pulmoscan.models import preprocessing
from pulmoscan.models.networks import Network, build_network, normalise
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.training.classifier.initial import initialise
from pulmoscan.training.classifier.lung_guidance import attention_loss
from pulmoscan.training.classifier.samples import BatchPlan, TrainingSamples, class_weights, collate, draws_of
from pulmoscan.training.classifier.teachers import Teacher, Teachers
from pulmoscan.training.data.datasets import Example, Group, data_hash, load_datasets, select
from pulmoscan.training.state import TrainingState, describe_init, mixed_precision, seed_everything, start_state

DRAWS: Mapping[Group, float] = {"child": 0.15, "mined": 0.5, "opacity": 6.0, "not normal": 0.5, "normal": 0.06}
"""How often an example of each group is drawn in an epoch: that of the last step, which few opacities guide."""

EPOCHS = 3
"""Of the last step. More of them memorise the opacities: the heat still gains, the ranking of adults falls."""


WATCHED = 100
"""Validation radiographs of each population and class that the curves show: they choose nothing, and take time."""


@dataclass(frozen=True)
class TrainingPlan:
    """Everything that decides how a network comes out, kept in its training record."""

    architecture: str
    epochs: int
    seed: int = 0
    views_per_batch: int = 48
    pairs_per_batch: int = 4
    draws: Mapping[Group, float] = field(default_factory=lambda: dict(DRAWS))
    learning_rate: float = 1.5e-4
    weight_decay: float = 0.05
    warm_up: float = 0.15
    average_decay: float = 0.98
    label_smoothing: float = 0.05
    lung_guided: bool = True
    attention_weight: float = 1.0
    consistency_weight: float = 0.2
    early_stages_frozen: bool = False
    teaching: float = 0.0
    """How much of each example's label is its teachers' judgement, in [0, 1]; 0 without teachers."""


ClassifierState = TrainingState[TrainingPlan, Network]


def train_mean(
    plan: TrainingPlan,
    seeds: Sequence[int],
    data: Sequence[Path],
    init: str,
    checkpoint: Path,
    workers: int = 2,
    stop_after: int | None = None,
    with_init: bool = False,
    teachers: Sequence[Teacher] = (),
) -> tuple[Network, dict[str, Any]]:
    """Train once with each seed, from the same initial weights, and take the mean of the weights.

    After Wortsman et al. 2022 (arXiv:2203.05482, and arXiv:2109.01903 for the mean with the initial weights). The other
    arguments and the errors are those of `train`; of several trainings each has a checkpoint of its own.

    Args:
        with_init: half of the mean are the initial weights: what a short training forgets stays, at the cost of what
            it learned.
    """
    networks, records = [], []
    for seed in seeds:
        own = checkpoint.with_stem(f"{checkpoint.stem}-{seed}") if len(seeds) > 1 else checkpoint
        network, record = train(replace(plan, seed=seed), data, init, own, workers, stop_after, teachers)
        networks.append(network)
        records.append(record)
    if len(networks) == 1 and not with_init:
        return networks[0], records[0]
    mean = mean_weights([network.state_dict() for network in networks])
    if with_init:
        initial = build_network(plan.architecture)
        initialise(initial, plan.architecture, init)
        mean = mean_weights([mean, initial.state_dict()])
    networks[0].load_state_dict(mean)
    watched = sample(select(load_datasets(data), "validation"), WATCHED)
    curves = [{"seed": seed, **epoch} for seed, r in zip(seeds, records, strict=True) for epoch in r["curves"]]
    return networks[0], {
        **records[0],
        "plan": {**records[0]["plan"], "seed": list(seeds), "mean_with_init": with_init},
        "curves": curves,
        "storage_difference": storage_difference(networks[0], watched),
    }


def mean_weights(states: Sequence[Mapping[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The mean of each tensor; counters, which are no floating point numbers, are the first's."""
    return {
        name: torch.stack([state[name] for state in states]).mean(0) if first.is_floating_point() else first
        for name, first in states[0].items()
    }


def train(
    plan: TrainingPlan,
    data: Sequence[Path],
    init: str,
    checkpoint: Path,
    workers: int = 2,
    stop_after: int | None = None,
    teachers: Sequence[Teacher] = (),
) -> tuple[Network, dict[str, Any]]:
    """Train after `plan`, resuming from `checkpoint` if it is there.

    Args:
        data: dataset folders (see `datasets`).
        init: `imagenet` (torchvision's own weights), `random`, or a safetensors file with torchvision's names.
        stop_after: keep the averaged weights after so many epochs of the plan's schedule, where validation says so.
        teachers: networks whose common judgement is `plan.teaching` of each label.

    Returns:
        The network with the averaged weights, in eval mode on the CPU, and the training record.

    Raises:
        DatasetError: a folder is missing or has no known layout.
        TrainingError: the initial weights, or a teacher's, cannot be had.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    seed_everything(plan.seed)
    examples = load_datasets(data)
    training, validation = select(examples, "train"), select(examples, "validation")
    if not training or not validation:
        raise TrainingError("The data holds no training split. Give the whole dataset folder, not its test part.")
    draws = draws_of(training, plan.draws)
    batches = BatchPlan(training, draws, plan.views_per_batch, plan.pairs_per_batch, plan.seed)
    if not len(batches):
        raise TrainingError(
            f"{sum(draws):.0f} draws of {len(training)} training radiographs do not fill one batch of "
            f"{plan.views_per_batch}. Give more data, or larger --draws."
        )
    state = start(plan, init, len(batches), device)
    if checkpoint.is_file():
        state.restore(checkpoint)
        print(f"resumed from {checkpoint} after epoch {state.epoch}")
    last = min(plan.epochs, stop_after or plan.epochs)
    if state.epoch < last:
        loader = DataLoader(
            TrainingSamples(training, class_weights(training, draws), plan.lung_guided),
            batch_sampler=batches,
            collate_fn=collate,
            num_workers=workers,
            persistent_workers=workers > 0,
        )
    taught_by = Teachers(teachers, device)
    watched = sample(validation, WATCHED)
    while state.epoch < last:
        batches.epoch = state.epoch
        seed_everything(plan.seed + 1 + state.epoch)
        began = time.monotonic()
        losses = train_epoch(state, loader, plan, device, taught_by)
        state.epoch += 1
        figures = {**losses, **validate(state.averaged, watched, device)}
        state.curves.append({"epoch": state.epoch, **figures, "seconds": time.monotonic() - began})
        state.save(checkpoint)
        print("  ".join(f"{name} {value:.4g}" for name, value in state.curves[-1].items()), flush=True)
    averaged = state.averaged.cpu().eval()
    record = {
        "plan": asdict(plan),
        "stopped_after": state.epoch,
        "init": describe_init(init),
        "teachers": [describe_init(file) for _, file in teachers],
        "data_sha256": data_hash(examples),
        "examples": {"train": len(training), "validation": len(validation)},
        "commit": state.commit,
        "device": device.type,
        "torch": torch.__version__,
        "curves": state.curves,
        "storage_difference": storage_difference(averaged, watched),
    }
    return averaged, record


def sample(examples: Sequence[Example], most: int) -> list[Example]:
    """At most so many of each population and class, evenly spaced."""
    kinds: dict[tuple[str, int], list[Example]] = {}
    for example in examples:
        kinds.setdefault((example.population, example.label), []).append(example)
    return [of[i * len(of) // min(most, len(of))] for of in kinds.values() for i in range(min(most, len(of)))]


def start(plan: TrainingPlan, init: str, steps_per_epoch: int, device: torch.device) -> ClassifierState:
    """A network with its initial weights, optimiser, one-cycle schedule and exponential moving average."""
    network = build_network(plan.architecture)
    initialise(network, plan.architecture, init)
    network = network.to(device).to(memory_format=torch.channels_last)
    if plan.early_stages_frozen:
        for stage in network.early_stages:
            stage.requires_grad_(False)
    return start_state(plan, network, plan.epochs * steps_per_epoch)


def train_epoch(
    state: ClassifierState, loader: DataLoader[Any], plan: TrainingPlan, device: torch.device, teachers: Teachers
) -> dict[str, float]:
    """One pass over the loader; the mean of each part of the loss."""
    state.network.train()
    if plan.early_stages_frozen:
        for stage in state.network.early_stages:
            stage.eval()  # its batch statistics stay too
    totals = {"classification": 0.0, "attention": 0.0, "consistency": 0.0}
    progress = tqdm(loader, desc=f"epoch {state.epoch + 1}", mininterval=10, unit="batch")
    for batch in progress:
        targets, labels, weights = (t.to(device) for t in (batch.targets, batch.labels, batch.weights))
        x = normalise(batch.grey.to(device)).contiguous(memory_format=torch.channels_last)
        with mixed_precision(device):
            feature_map = state.network.features(x)
        logits = state.network.head(feature_map.float())
        taught = softened(labels, plan.label_smoothing)
        if plan.teaching:
            taught = torch.lerp(taught, teachers.judge(x), plan.teaching)
        parts = {
            "classification": classification_loss(logits, taught, weights),
            "attention": attention_loss(state.network, feature_map, targets, labels),
            "consistency": consistency_loss(logits, batch.pairs),
        }
        loss = (
            parts["classification"]
            + plan.attention_weight * plan.lung_guided * parts["attention"]
            + plan.consistency_weight * parts["consistency"]
        )
        state.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if not nn.utils.clip_grad_norm_(state.optimiser.param_groups[0]["params"], 5.0).isfinite():
            raise TrainingError(
                f"Training diverged in epoch {state.epoch + 1}. Start it again: it resumes after the last whole epoch; "
                "if it diverges there once more, train with another --seed."
            )
        state.optimiser.step()
        state.schedule.step()
        state.average.update_parameters(state.network)
        for name, part in parts.items():
            totals[name] += float(part.detach())
        progress.set_postfix(loss=float(loss.detach()), refresh=False)
    return {name: total / len(loader) for name, total in totals.items()}


def softened(labels: torch.Tensor, smoothing: float) -> torch.Tensor:
    """Label smoothing: the labels of both datasets are noisy."""
    return labels * (1 - smoothing) + 0.5 * smoothing


def classification_loss(logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Weighted binary cross-entropy; `targets` in [0, 1]."""
    return functional.binary_cross_entropy_with_logits(logits, targets, weight=weights)


def consistency_loss(logits: torch.Tensor, pairs: int) -> torch.Tensor:
    """Mean squared difference in logit between the two views of each pair (the last rows of the batch)."""
    if pairs == 0:
        return logits.new_zeros(())
    first, second = logits[-2 * pairs :].chunk(2)
    return functional.mse_loss(first, second)


@torch.no_grad()
def validate(network: Network, examples: Sequence[Example], device: torch.device) -> dict[str, float]:
    """AUC per population on small copies, for the training record; of adults also opacity against normal alone."""
    network.eval()
    logits = np.concatenate([z.cpu().numpy() for z in _logits(network, examples, device)])
    chosen = {
        "child_auc": [i for i, e in enumerate(examples) if e.population == "child"],
        "adult_auc": [i for i, e in enumerate(examples) if e.population == "adult"],
        "opacity_v_normal_auc": [i for i, e in enumerate(examples) if e.group in ("opacity", "normal")],
    }
    labels = np.array([e.label for e in examples])
    return {
        name: float(roc_auc_score(labels[of], logits[of])) for name, of in chosen.items() if len(set(labels[of])) == 2
    }


@torch.no_grad()
def storage_difference(network: Network, examples: Sequence[Example]) -> float:
    """The largest change in probability that `save_weights` makes by storing parameters in half precision."""
    stored = copy.deepcopy(network)
    for parameter in stored.parameters():
        parameter.data = parameter.data.half().float()
    return max(float((torch.sigmoid(network(x)) - torch.sigmoid(stored(x))).abs().max()) for x in _inputs(examples))


def _logits(network: Network, examples: Sequence[Example], device: torch.device) -> Iterator[torch.Tensor]:
    for x in _inputs(examples):
        with mixed_precision(device):
            logits = network(x.to(device))
        yield logits.float()


def _inputs(examples: Sequence[Example]) -> Iterator[torch.Tensor]:
    for start_at in range(0, len(examples), 32):
        inputs = [preprocessing.model_input(load_radiograph(e.path).pixels) for e in examples[start_at : start_at + 32]]
        yield torch.from_numpy(np.concatenate(inputs)).contiguous(memory_format=torch.channels_last)

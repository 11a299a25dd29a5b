"""Train the lung network: outlines and kinds of picture together, checkpointed every epoch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import DataLoader
from tqdm import tqdm

from pulmoscan.errors import TrainingError
from pulmoscan.examination.findings import Findings
from pulmoscan.examination.lung_network import LungNetwork
from pulmoscan.examination.lungs import load_network
from pulmoscan.models import preprocessing
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.training.data.pictures import Picture, load_pictures, select
from pulmoscan.training.lungs.samples import LungSamples, Sample
from pulmoscan.training.state import TrainingState, describe_init, mixed_precision, seed_everything, start_state


@dataclass(frozen=True)
class LungPlan:
    """Everything that decides how the network comes out, kept in its training record."""

    epochs: int = 6
    steps_per_epoch: int = 150
    batch: int = 24
    seed: int = 0
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    warm_up: float = 0.15
    average_decay: float = 0.99
    kind_weight: float = 0.3


LungTraining = TrainingState[LungPlan, LungNetwork]


def start(plan: LungPlan, network: LungNetwork) -> LungTraining:
    """The network with its optimiser, schedule and average."""
    return start_state(plan, network.to(memory_format=torch.channels_last), plan.epochs * plan.steps_per_epoch)


def train_lungs(
    plan: LungPlan, data: Sequence[Path], checkpoint: Path, workers: int = 2, init: Path | None = None
) -> tuple[LungNetwork, dict[str, Any]]:
    """Train after `plan`, resuming from `checkpoint` if it is there; the averaged network and the training record.

    Args:
        data: dataset folders (see `pictures`).
        init: earlier weights to start from; random ones without.

    Raises:
        DatasetError: a folder is missing or has no known layout.
        TrainingError: the data lacks radiographs with masks, or the checkpoint is of another plan.
    """
    if init and not init.is_file():
        raise TrainingError(f"{init} is not a file. Give the weights to start from, or leave --init out.")
    seed_everything(plan.seed)
    pictures = load_pictures(data)
    training, validation = select(pictures, "train"), select(pictures, "validation")
    if not any(p.lung_mask for p in training) or all(p.is_chest for p in training):
        raise TrainingError("The data must hold radiographs with lung masks, and pictures that show no chest.")
    state = start(plan, load_network(init.read_bytes()) if init else LungNetwork())
    if checkpoint.is_file():
        state.restore(checkpoint)
        print(f"resumed from {checkpoint} after epoch {state.epoch}")
    loader = DataLoader(
        LungSamples(training, plan.steps_per_epoch * plan.batch),
        batch_size=plan.batch,
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    while state.epoch < plan.epochs:
        seed_everything(plan.seed + 1 + state.epoch)
        began = time.monotonic()
        losses = _train_epoch(state, loader)
        state.epoch += 1
        figures = {**losses, **validate(state.averaged, validation)}
        state.curves.append({"epoch": state.epoch, **figures, "seconds": time.monotonic() - began})
        state.save(checkpoint)
        print("  ".join(f"{name} {value:.4g}" for name, value in state.curves[-1].items()), flush=True)
    record = {
        "plan": asdict(plan),
        "init": describe_init(str(init)) if init else "random",
        "pictures": {split: len(select(pictures, split)) for split in ("train", "validation", "test")},
        "commit": state.commit,
        "torch": torch.__version__,
        "curves": state.curves,
    }
    return state.averaged.eval(), record


def _train_epoch(state: LungTraining, loader: DataLoader[Sample]) -> dict[str, float]:
    state.network.train()
    totals = {"lungs": 0.0, "kind": 0.0}
    for batch in tqdm(loader, desc=f"epoch {state.epoch + 1}", mininterval=10, unit="batch"):
        sample = Sample(*batch)
        x = sample.grey.contiguous(memory_format=torch.channels_last)
        with mixed_precision(x.device):
            outputs = state.network(x)
        outline, kinds, mahalanobis = (output.float() for output in outputs)
        findings: Findings[torch.Tensor] = Findings.of((outline, kinds, mahalanobis))
        parts = {"lungs": lung_loss(findings, sample), "kind": kind_loss(findings, sample)}
        loss = parts["lungs"] + state.plan.kind_weight * parts["kind"]
        state.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(state.network.parameters(), 5.0)
        state.optimiser.step()
        state.schedule.step()
        state.average.update_parameters(state.network)
        for name, part in parts.items():
            totals[name] += float(part.detach())
    return {name: total / len(loader) for name, total in totals.items()}


def lung_loss(findings: Findings[torch.Tensor], sample: Sample) -> torch.Tensor:
    """Cross-entropy where the lungs are known, none outside chests included; soft Dice where there are any."""
    known = ~sample.lungs.isnan().any(dim=(1, 2))
    logits, lungs = findings.lungs[known], sample.lungs[known]
    entropy = functional.binary_cross_entropy_with_logits(logits, lungs)
    shown = lungs.any(dim=2).any(dim=1)
    p, lungs = torch.sigmoid(logits[shown]), lungs[shown]
    overlap = (2 * (p * lungs).sum(dim=(1, 2)) + 1) / ((p + lungs).sum(dim=(1, 2)) + 1)
    return entropy + (1 - overlap).mean()


def kind_loss(findings: Findings[torch.Tensor], sample: Sample) -> torch.Tensor:
    """Cross-entropy of chest, whole, inverted and side view, where known, and of the quarter turns."""
    loss = findings.chest.new_zeros(())
    for logits, answers in (
        (findings.chest, sample.chest),
        (findings.whole, sample.whole),
        (findings.inverted, sample.inverted),
        (findings.side, sample.side),
    ):
        target = torch.as_tensor(answers, dtype=torch.float32)
        known = ~target.isnan()
        loss = loss + functional.binary_cross_entropy_with_logits(logits[known], target[known])
    return loss + functional.cross_entropy(findings.turns, torch.as_tensor(sample.turns).long(), ignore_index=-1)


@torch.no_grad()
def validate(network: LungNetwork, pictures: Sequence[Picture]) -> dict[str, float]:
    """Mean Dice by population and, for chests and others, how many are told rightly; for the training record."""
    network.eval()
    dice: dict[str, list[float]] = {}
    right: dict[str, list[bool]] = {}
    for picture in pictures:
        grey = preprocessing.standardise(preprocessing.resample(load_radiograph(picture.path).pixels))
        findings = Findings.of(network(torch.from_numpy(grey)[None, None]))
        right.setdefault("chest" if picture.is_chest else "other", []).append(
            bool(findings.chest[0] > 0) == picture.is_chest
        )
        if picture.lung_mask:
            mask = preprocessing.resample(load_radiograph(picture.lung_mask).pixels) > 0.5
            dice.setdefault(f"dice_{picture.population}", []).append(overlap(findings.lungs[0].numpy() > 0, mask))
    shares = {name: float(np.mean(values)) for name, values in right.items()}
    return {name: float(np.mean(values)) for name, values in dice.items()} | shares


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Dice's coefficient of two binary masks, in [0, 1]; 1 for two empty ones."""
    total = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / total if total else 1.0

"""Train the lung network's second head alone: what kind of picture it is, by what its frozen levels find.

The outlines stay as they are, to the bit, and thousands of augmented samples pass the levels once; the head is then
fitted to what they found in seconds. So few side views of the chest are at hand that none is kept for testing: each
patient's are judged by a head that was fitted without them (`held_out`), and the head that is kept learned them all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from pulmoscan.errors import TrainingError, WeightsDamaged
from pulmoscan.examination import gate
from pulmoscan.examination.findings import Findings
from pulmoscan.examination.lung_network import KindHead, LungNetwork
from pulmoscan.examination.lungs import ChestView, LungCard, read_card, weights_path, write_card
from pulmoscan.models import preprocessing
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.statistics import metrics
from pulmoscan.statistics.metrics import Estimate
from pulmoscan.training.data.pictures import SIDE_VIEW, Picture, load_pictures, select
from pulmoscan.training.lungs.samples import LungSamples, Sample
from pulmoscan.training.lungs.train import kind_loss
from pulmoscan.training.state import current_commit, describe_init, seed_everything

HELD_OUT = "held out"
"""Where the record of the kinds' training keeps the figures of `held_out`."""

HEAD = "kind."
"""What the names of the head's weights begin with."""


@dataclass(frozen=True)
class KindPlan:
    """Everything that decides how the head comes out, kept in its training record."""

    samples: int = 16_000
    epochs: int = 8
    batch: int = 512
    seed: int = 1
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    least_spread: float = 0.03
    folds: int = 4


@dataclass(frozen=True, eq=False)
class Seen:
    """What the frozen levels found in N samples: features [N, 896], and of each the answers of `Sample`."""

    features: torch.Tensor
    answers: torch.Tensor

    def without(self, owners: Sequence[int]) -> Seen:
        """All samples but these patients' side views."""
        kept = ~torch.isin(self.answers[:, -1], torch.tensor(owners, dtype=torch.float32))
        return Seen(self.features[kept], self.answers[kept])


def outlines(init: Path | None = None) -> tuple[LungNetwork, dict[str, Any]]:
    """The network with everything but its second head from weights of this or an earlier version, and their record.

    Args:
        init: a safetensors file; by default the installed weights.

    Raises:
        LungWeightsMissing: none are installed.
        TrainingError: there is no such file.
        WeightsDamaged: it does not fit.
    """
    record = {"init": describe_init(str(init))} if init else dict(read_card().training)
    weights = init or weights_path()
    if not weights.is_file():
        raise TrainingError(f"{weights} is not a file. Give the lung network's weights with --init.")
    network = LungNetwork()
    try:
        kept = {k: v for k, v in load_safetensors(weights.read_bytes()).items() if not k.startswith(HEAD)}
        fresh = {k: v for k, v in network.state_dict().items() if k.startswith(HEAD)}
        network.load_state_dict(kept | fresh, strict=True)
    except (SafetensorError, RuntimeError, ValueError) as error:
        raise WeightsDamaged(weights, "it does not hold the lung network's weights") from error
    return network.eval(), record


def train_kinds(
    plan: KindPlan, network: LungNetwork, data: Sequence[Path], checkpoint: Path
) -> tuple[dict[str, Any], Mapping[str, KindHead]]:
    """Fit the network's second head, in place; the training record, and by patient the head that never saw them.

    Args:
        checkpoint: what the frozen levels found is kept here, and read from here if it is of the same samples.

    Raises:
        DatasetError: a folder is missing or holds no picture.
        TrainingError: the data holds no side views of the chest.
    """
    pictures = select(load_pictures(data), "train")
    owners = sorted({p.patient for p in pictures if p.kind == SIDE_VIEW})
    if len(owners) < 2:
        raise TrainingError("The data must hold side views of two patients' chests or more, in a folder named lateral.")
    network.eval()
    of = {"outlines": _digest(network), "samples": plan.samples, "seed": plan.seed, "pictures": len(pictures)}
    if (seen := _kept(checkpoint, of)) is None:
        seen = look(network, LungSamples(pictures, plan.samples), plan.seed)
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"of": of, "features": seen.features, "answers": seen.answers}, checkpoint)
    network.kind = fit(seen, plan)
    folds = [range(fold, len(owners), plan.folds) for fold in range(min(plan.folds, len(owners)))]
    heads = {}
    for fold in tqdm(folds, desc="held out", disable=None):
        heads.update(dict.fromkeys([owners[n] for n in fold], fit(seen.without(fold), plan)))
    record = {"plan": asdict(plan), "pictures": len(pictures), "side views of patients": len(owners)}
    return record | {"commit": current_commit()}, heads


@torch.no_grad()
def look(network: LungNetwork, samples: LungSamples, seed: int) -> Seen:
    """One pass of the frozen levels over the samples."""
    network.eval().to(memory_format=torch.channels_last)
    seed_everything(seed)
    # One process draws all: with several, what is drawn would depend on their number.
    loader = DataLoader(samples, batch_size=32, num_workers=1)
    features, answers = [], []
    for batch in tqdm(loader, desc="kinds", mininterval=10, unit="batch", disable=None):
        sample = Sample(*batch)
        features.append(network.features(sample.grey.contiguous(memory_format=torch.channels_last)))
        answers.append(torch.stack([torch.as_tensor(a, dtype=torch.float32) for a in sample[2:]], dim=1))
    return Seen(torch.cat(features), torch.cat(answers))


def fit(seen: Seen, plan: KindPlan) -> KindHead:
    """A head fitted to what was seen. What hardly varies there is not blown up: it may vary elsewhere."""
    torch.manual_seed(plan.seed)
    head = KindHead()
    scale = head[0]
    assert isinstance(scale, nn.BatchNorm1d)
    assert scale.running_mean is not None
    assert scale.running_var is not None
    scale.running_mean.copy_(seen.features.mean(dim=0))
    scale.running_var.copy_(seen.features.var(dim=0).clamp_min(plan.least_spread**2))
    head.train()
    scale.eval()
    steps = len(seen.features) // plan.batch
    optimiser = torch.optim.AdamW(head.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, plan.learning_rate, total_steps=plan.epochs * steps + 1)
    for _ in range(plan.epochs):
        for chosen in torch.randperm(len(seen.features)).split(plan.batch)[:steps]:
            features, answers = seen.features[chosen], seen.answers[chosen]
            loss = kind_loss(_found(head(features)), Sample(features, features, *answers.unbind(dim=1)))  # type: ignore[arg-type]
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
    return head.eval()


@torch.no_grad()
def held_out(
    network: LungNetwork, heads: Mapping[str, KindHead], data: Sequence[Path], limits: Mapping[str, float]
) -> dict[str, Estimate]:
    """How the gate judges each patient's side views by the head that never saw them: refused, and by name."""
    views = [p for p in load_pictures(data) if p.kind == SIDE_VIEW]
    refusals = [_judge(network, heads[p.patient], p, limits) for p in views]
    n = len(refusals)
    return {
        SIDE_VIEW: metrics.proportion(sum(r is not None for r in refusals), n),
        "side view, named as such": metrics.proportion(sum(r == gate.SIDE_VIEW for r in refusals), n),
    }


def keep_held_out(
    card: LungCard, network: LungNetwork, heads: Mapping[str, KindHead], data: Sequence[Path]
) -> LungCard:
    """Add the figures of `held_out` to the record of the kinds' training, in the card and in the one returned."""
    figures = {name: asdict(figure) for name, figure in held_out(network, heads, data, card.limits).items()}
    training = {**card.training, "kinds": {**card.training["kinds"], HELD_OUT: figures}}
    card = replace(card, training=training)
    write_card(card)
    return card


def _judge(network: LungNetwork, head: KindHead, picture: Picture, limits: Mapping[str, float]) -> gate.Refusal | None:
    loaded = load_radiograph(picture.path)
    grey = torch.from_numpy(preprocessing.standardise(preprocessing.resample(loaded.pixels)))[None, None]
    lungs, _, mahalanobis = network(grey)
    kinds = head(network.features(grey))
    view = ChestView.of(Findings.of((lungs.numpy(), kinds.numpy(), mahalanobis.numpy())))
    return gate.check(view, limits, loaded.pixels, loaded.source.chroma)


def _kept(checkpoint: Path, of: Mapping[str, Any]) -> Seen | None:
    if not checkpoint.is_file():
        return None
    kept = torch.load(checkpoint, weights_only=True)
    if kept.get("of") != of:
        raise TrainingError(f"{checkpoint} is of other samples. Remove it, or name another with --checkpoint.")
    print(f"resumed from {checkpoint}")
    return Seen(kept["features"], kept["answers"])


def _digest(network: LungNetwork) -> str:
    """SHA-256 of the frozen levels."""
    digest = hashlib.sha256()
    for tensor in network.down.state_dict().values():
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def _found(kinds: torch.Tensor) -> Findings[torch.Tensor]:
    return Findings.of((kinds, kinds, kinds))

"""The state of a training that can be stopped and resumed, whatever network it trains."""

from __future__ import annotations

import hashlib
import pickle
import random
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, cast

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pulmoscan.errors import TrainingError
from pulmoscan.runtime.bfloat16 import computes_in_bfloat16

HERE = Path(__file__).parent
PARTS = ("network", "average", "optimiser", "schedule")


class Schedule(Protocol):
    """What the plan of every training says, beside what else decides how its network comes out."""

    @property
    def learning_rate(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...
    @property
    def warm_up(self) -> float: ...
    @property
    def average_decay(self) -> float: ...


Plan = TypeVar("Plan", bound=Schedule)
Trained = TypeVar("Trained", bound=nn.Module)


@dataclass
class TrainingState(Generic[Plan, Trained]):
    """What a checkpoint holds. `plan` is a dataclass of everything that decides how the network comes out."""

    plan: Plan
    network: Trained
    average: AveragedModel
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    commit: str = ""
    epoch: int = 0
    curves: list[dict[str, float]] = field(default_factory=list)

    @property
    def averaged(self) -> Trained:
        """The network with the averaged weights."""
        return cast(Trained, self.average.module)

    def save(self, path: Path) -> None:
        """Write a checkpoint; a stop in the middle leaves the earlier one."""
        parts = {name: getattr(self, name).state_dict() for name in PARTS}
        rest = {"plan": self._plan(), "commit": self.commit, "epoch": self.epoch, "curves": self.curves}
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        torch.save(parts | rest, partial)
        partial.replace(path)

    def restore(self, path: Path) -> None:
        """Go on where the checkpoint left off.

        Raises:
            TrainingError: it is damaged, or of another plan.
        """
        try:
            parts = torch.load(path, weights_only=True)
            plan = parts["plan"]
        except (OSError, RuntimeError, KeyError, EOFError, pickle.UnpicklingError) as error:
            raise TrainingError(f"{path} is no checkpoint of this version. Remove it to start again.") from error
        if plan != self._plan():
            raise TrainingError(f"{path} was trained after another plan. Remove it, or name another with --checkpoint.")
        for name in PARTS:
            getattr(self, name).load_state_dict(parts[name])
        self.commit, self.epoch, self.curves = parts["commit"], parts["epoch"], parts["curves"]

    def _plan(self) -> dict[str, Any]:
        return asdict(cast(Any, self.plan))


def start_state(plan: Plan, network: Trained, steps: int) -> TrainingState[Plan, Trained]:
    """AdamW on what requires a gradient, a one-cycle schedule over `steps`, an exponential moving average."""
    learning = [p for p in network.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(learning, lr=plan.learning_rate, weight_decay=plan.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, plan.learning_rate, total_steps=steps + 1, pct_start=plan.warm_up
    )
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(plan.average_decay), use_buffers=True)
    return TrainingState(plan, network, average, optimiser, schedule, current_commit())


def mixed_precision(device: torch.device) -> torch.autocast:
    """bfloat16 where the processor computes in it. Others would emulate it, many times slower than float32."""
    computes = device.type != "cpu" or computes_in_bfloat16()
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=computes)


def save_weights(module: nn.Module, path: Path) -> None:
    """Write safetensors: parameters in half precision, batch statistics, which outgrow it, in full."""
    path.parent.mkdir(parents=True, exist_ok=True)
    parameters = {k: v.detach().half().contiguous() for k, v in module.named_parameters()}
    save_file(parameters | {k: v.contiguous() for k, v in module.named_buffers()}, path)


def seed_everything(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def current_commit() -> str:
    """The commit of the code that trained, with `+` when the checkout had changes; empty outside a checkout."""
    try:
        commit, changed = (
            subprocess.run(["git", *arguments], cwd=HERE, capture_output=True, text=True, check=True).stdout.strip()
            for arguments in (("rev-parse", "HEAD"), ("status", "--porcelain"))
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return commit + ("+" if changed else "")


def describe_init(init: str) -> str:
    """The initial weights for the training record: a file by its name and checksum."""
    path = Path(init)
    return f"{path.name}, SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}" if path.is_file() else init

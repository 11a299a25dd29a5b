"""What bfloat16 changes: decisions and AUC of each population, against float32 on the same radiographs.

A network's beginning stays in float32 (see `NetworkSource.exact_beginning`).

Where the processor computes in bfloat16, OpenVINO runs the network in it. Elsewhere OpenVINO would tacitly compute in
float32, so that arithmetic is emulated: what goes into a multiplication, and every intermediate result, is rounded to
bfloat16, and sums are kept in float32, as processors do that have it. OpenVINO fuses layers, and so rounds less often.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from tqdm import tqdm

from pulmoscan.errors import DatasetError
from pulmoscan.models import preprocessing
from pulmoscan.models.activations import sigmoid
from pulmoscan.models.classifier import Classifier
from pulmoscan.models.loading import load_classifier
from pulmoscan.models.networks import load_network
from pulmoscan.models.precision import auc_name, changed_name
from pulmoscan.models.registry import get_spec
from pulmoscan.population import POPULATIONS
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.runtime.bfloat16 import computes_in_bfloat16
from pulmoscan.statistics import metrics
from pulmoscan.statistics.metrics import Estimate, Scores
from pulmoscan.training.data.datasets import Example, Split, load_datasets, select

Logits = Callable[[NDArray[np.float32]], NDArray[np.float32]]
MULTIPLIES = (functional.conv2d, torch.conv2d, functional.linear)


@dataclass(frozen=True, eq=False)
class PrecisionParity:
    """What bfloat16 changes in one model.

    Attributes:
        figures: by their names in the card, see `models.precision`.
        largest: the largest difference in probability.
        emulated: whether the processor does not compute in bfloat16 itself.
    """

    figures: Mapping[str, Estimate]
    largest: float
    emulated: bool


def precision_parity(model: str, data: Sequence[Path], split: Split) -> PrecisionParity:
    """Read every radiograph of a split in both precisions.

    Raises:
        ModelError: the model cannot be used.
        DatasetError: the data lack a population.
    """
    examples = select(load_datasets(data), split)
    if missing := [p for p in POPULATIONS if len({e.label for e in examples if e.population == p}) < 2]:
        raise DatasetError(
            f"The data hold no {split} radiographs of both classes of: {', '.join(missing)}."
            " Give the datasets that do; see docs/weights.md."
        )
    classifier = load_classifier(model)
    weights = get_spec(model).weights_path.read_bytes()

    def compiled(precision: str) -> Logits:
        how = replace(classifier.settings, runtime="openvino", precision=precision)
        ready = Classifier(classifier.spec, classifier.card, weights, how)
        return lambda x: ready.forward(x).logits

    emulated = not computes_in_bfloat16()
    exact, reduced = compiled("float32"), emulation(model, weights) if emulated else compiled("bfloat16")
    logits = []
    for example in tqdm(examples, desc=f"{model}: reading twice", unit="image", disable=None):
        x = preprocessing.model_input(load_radiograph(example.path).pixels)
        logits.append((exact(x)[0], reduced(x)[0]))
    probabilities = sigmoid(np.array(logits) / classifier.card.temperature)
    apart = np.abs(probabilities[:, 0] - probabilities[:, 1])
    return PrecisionParity(_figures(examples, probabilities, classifier.card.thresholds), float(apart.max()), emulated)


def emulation(model: str, weights: bytes) -> Logits:
    """The network in eager PyTorch, which rounds as bfloat16 does behind the beginning: model input -> logits [N]."""
    network = load_network(get_spec(model), weights).eval().requires_grad_(False)

    def logits(x: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.no_grad():
            beginning = _rounded(network.beginning(torch.from_numpy(x)))  # see `NetworkSource.exact_beginning`
            with _Rounding():
                return network.head(network.rest(beginning)).numpy()

    return logits


def describe(model: str, split: Split, result: PrecisionParity) -> str:
    """The lines that the command line prints."""
    way = "emulated, since this processor does not compute in it" if result.emulated else "by OpenVINO"
    lines = [f"{model} · bfloat16 ({way}) against float32 · {split}"]
    lines += [f"  {name:<28}{f.decimal if name.endswith('AUC') else f.percent}" for name, f in result.figures.items()]
    return "\n".join([*lines, f"  largest difference of a probability {result.largest:.4f}"])


class _Rounding(TorchFunctionMode):
    """Rounds the operands of each multiplication, and every result, to bfloat16."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func in MULTIPLIES:
            args = tuple(_rounded(value) for value in args)
        return _rounded(func(*args, **(kwargs or {})))


def _rounded(value: Any) -> Any:
    if isinstance(value, torch.Tensor) and value.dtype == torch.float32:
        return value.bfloat16().float()
    return value


def _figures(
    examples: Sequence[Example], probabilities: NDArray[np.float32], thresholds: Mapping[Any, float]
) -> dict[str, Estimate]:
    """Those of the card, of each population; `probabilities` is [N, 2], float32's first."""
    figures: dict[str, Estimate] = {}
    for population in POPULATIONS:
        chosen = [i for i, e in enumerate(examples) if e.population == population]
        labels, values = [examples[i].label for i in chosen], probabilities[chosen]
        called = values >= thresholds[population]
        changed = int((called[:, 0] != called[:, 1]).sum())
        figures[changed_name(population)] = metrics.proportion(changed, len(chosen))
        for column, precision in enumerate(("float32", "bfloat16")):
            figures[auc_name(population, precision)] = Scores.of(labels, values[:, column]).auc
    return figures

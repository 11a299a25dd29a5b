"""Decoded radiograph -> decision, heatmap and overlay, stage by stage, against the demos' way and the processor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load as load_safetensors
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.demo import Demo
from benchmarks.timing import Stopwatch, Times, interleave
from pulmoscan.gallery.samples import gallery
from pulmoscan.models import gradcam, preprocessing
from pulmoscan.models.card import HeatMethod
from pulmoscan.models.classifier import Classifier
from pulmoscan.models.loading import load_classifier
from pulmoscan.models.networks import Network, load_network
from pulmoscan.models.registry import get_spec
from pulmoscan.reading.radiograph import Radiograph, load_radiograph
from pulmoscan.runtime import Settings, installed, settings

DISPLAY_SIDE = 1024
MATRIX_SIDE = 2048
BATCH = 32
BATCH_SIZES = (1, 2, 4, 8, 16, 32)
DEMO, OURS, PEAK = "the demos' way", "PulmoScan", "matrix product"
PREPARE, FORWARD, EVIDENCE, HEATMAP, OVERLAY = "preprocessing", "forward pass", "evidence", "heatmap", "overlay"


@dataclass(frozen=True, eq=False)
class StageTimes:
    """One model's measurements.

    Attributes:
        times: by way and by stage.
        gigaflop: of one forward pass; a multiplication and an addition are two.
        peak: GFLOP/s of a large float32 matrix product in the same rounds.
    """

    model: str
    times: dict[str, Times]
    gigaflop: float
    peak: float

    def share_of_peak(self, way: str) -> float:
        return self.gigaflop / (self.times[way].median / 1000) / self.peak

    def ratio(self, way: str) -> float:
        return self.times[DEMO].median / self.times[way].median

    @property
    def drawing_share(self) -> float:
        """What evidence, heatmap and overlay add to the forward pass."""
        return sum(self.times[s].median for s in (EVIDENCE, HEATMAP, OVERLAY)) / self.times[FORWARD].median


def measure(model: str, rounds: int, clock: str, tick: Callable[[], object]) -> StageTimes:
    """Time all ways of one model, interleaved.

    Raises:
        ModelError: it cannot be used.
    """
    spec = get_spec(model)
    classifier = load_classifier(model)
    data = spec.weights_path.read_bytes()
    network = load_network(spec, data).eval().requires_grad_(False)
    demo = Demo(
        spec.architecture, {k: v.float() if v.is_floating_point() else v for k, v in load_safetensors(data).items()}
    )
    radiograph = _at_display_size()
    picture = np.repeat((radiograph.pixels * 255).astype(np.uint8)[..., None], 3, axis=2)
    x = preprocessing.model_input(radiograph.pixels)
    left, right = (torch.rand(MATRIX_SIDE, MATRIX_SIDE) for _ in range(2))
    out = torch.empty(MATRIX_SIDE, MATRIX_SIDE)

    tensor = torch.from_numpy(x)

    def eager(_: Stopwatch) -> None:
        with torch.inference_mode():
            network(tensor)

    ways: dict[str, Callable[[Stopwatch], object]] = {
        DEMO: lambda _: demo(picture),
        OURS: lambda watch: _ours(classifier, radiograph, watch),
        "PyTorch, forward": eager,
        PEAK: lambda _: torch.mm(left, right, out=out),
        "NumPy matrix product": lambda _: np.matmul(left.numpy(), right.numpy(), out=out.numpy()),
    }
    for other in _other_settings(classifier.settings):
        compiled = Classifier(spec, classifier.card, data, other)
        ways[f"{other.runtime} {other.precision}, forward"] = partial(_forward, compiled, x)
    times = interleave(ways, rounds, tick=tick, clock=clock)
    best = min(times[PEAK].median, times.pop("NumPy matrix product").median)
    peak = 2 * MATRIX_SIDE**3 / 1e9 / (best / 1000)
    return StageTimes(model, times, _gigaflop(network, tensor), peak)


def _ours(classifier: Classifier, radiograph: Radiograph, watch: Stopwatch) -> NDArray[np.uint8]:
    """What `screening.read` and the page's heatmap panel do, with a look at the clock between."""
    x = preprocessing.model_input(radiograph.pixels)
    watch.lap(PREPARE)
    forward = classifier.forward(x)
    watch.lap(FORWARD)
    gradient = classifier.head.gradient(forward.feature_map)
    evidence: dict[HeatMethod, NDArray[np.float32]] = {
        "gradcam": gradcam.grad_cam(forward.feature_map, gradient)[0],
        "hirescam": gradcam.hires_cam(forward.feature_map, gradient)[0],
    }
    watch.lap(EVIDENCE)
    card = classifier.card
    heat = gradcam.heatmap(evidence[card.heat_method], card.heat_reference, radiograph.height, radiograph.width)
    watch.lap(HEATMAP)
    overlay = gradcam.overlay(radiograph.pixels, heat, 0.6)
    watch.lap(OVERLAY)
    return overlay


def _forward(classifier: Classifier, x: NDArray[np.float32], _: Stopwatch) -> None:
    classifier.forward(x)


def _other_settings(ours: Settings) -> list[Settings]:
    """What else this machine could run the network by."""
    others = [replace(ours, runtime=r, precision="float32") for r in ("openvino", "onnxruntime") if installed(r)]
    if installed("openvino"):
        others.append(replace(ours, runtime="openvino", precision="bfloat16"))
    return [o for o in others if (o.runtime, o.precision) != (ours.runtime, ours.precision)]


@dataclass(frozen=True, eq=False)
class BatchTimes:
    """Radiographs a second: ours, and eager PyTorch's by batch size."""

    model: str
    ours: float
    eager: dict[int, float]

    @property
    def best_size(self) -> int:
        return max(self.eager, key=lambda size: self.eager[size])

    @property
    def ratio(self) -> float:
        return self.ours / self.eager[self.best_size]


def measure_batches(model: str, rounds: int, clock: str, tick: Callable[[], object]) -> BatchTimes:
    """Throughput over `BATCH` prepared radiographs."""
    spec = get_spec(model)
    classifier = load_classifier(model)
    network = load_network(spec, spec.weights_path.read_bytes()).eval().requires_grad_(False)
    tensor = torch.rand(BATCH, 3, preprocessing.INPUT_SIZE, preprocessing.INPUT_SIZE)
    x = tensor.numpy()

    def eager(size: int, _: Stopwatch) -> None:
        with torch.inference_mode():
            for start in range(0, BATCH, size):
                network(tensor[start : start + size])

    ways: dict[str, Callable[[Stopwatch], object]] = {OURS: lambda _: classifier.forward(x)}
    for size in BATCH_SIZES:
        ways[str(size)] = partial(eager, size)
    times = interleave(ways, rounds, warm_up=1, tick=tick, clock=clock)
    rate = {name: BATCH / (t.median / 1000) for name, t in times.items()}
    return BatchTimes(model, rate[OURS], {size: rate[str(size)] for size in BATCH_SIZES})


def _at_display_size() -> Radiograph:
    """A radiograph of the gallery at the size at which a page shows it."""
    sample = load_radiograph(gallery()[0].path)
    pixels = cv2.resize(sample.pixels, (DISPLAY_SIDE, DISPLAY_SIDE), interpolation=cv2.INTER_CUBIC)
    return Radiograph(np.clip(pixels, 0, 1).astype(np.float32), sample.source)


def _gigaflop(network: Network, x: torch.Tensor) -> float:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(x)
    return counter.get_total_flops() / 1e9


def prepare() -> Settings:
    """Give eager PyTorch the same threads as the runtime, and say what they are."""
    how = settings()
    torch.set_num_threads(how.threads)
    return how

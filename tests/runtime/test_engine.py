"""Every runtime computes what eager PyTorch does; none mixes up threads, batches or networks."""

from __future__ import annotations

import inspect
import logging
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save
from threadpoolctl import ThreadpoolController
from torch import nn

from pulmoscan.examination import lungs
from pulmoscan.examination.lung_network import LungNetwork
from pulmoscan.models import classifier
from pulmoscan.models.networks import build_network, in_two
from pulmoscan.runtime import PRECISIONS, Compiled, NetworkSource, Settings, cache, compile_network, engine, installed
from pulmoscan.runtime.eager import Eager

SHAPE = (1, 1, 32, 24)
CPU_RUNTIMES = ("openvino", "onnxruntime", "torch")


class Small(nn.Module):
    """Two outputs of one pass, of different rank."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.body = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2))
        self.end = nn.Linear(8, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.body(x)
        return self.end(features.mean(dim=(2, 3))).squeeze(1), features


class Single(nn.Module):
    """One output that is no tuple, as a segmentation network has it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(
            nn.Conv2d(1, 4, 3, 2, padding=1),
            nn.ReLU(),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            nn.Conv2d(4, 1, 1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.body(x)
        return result


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULMOSCAN_CACHE", str(tmp_path / "cache"))


@pytest.fixture(params=CPU_RUNTIMES)
def how(request: pytest.FixtureRequest) -> Settings:
    """Each CPU runtime in turn."""
    return Settings(request.param, threads=2)


def compiled(how: Settings, seed: int = 0) -> Compiled:
    return compile_network(source_of(Small(seed)), SHAPE, ("logits", "features"), "small", how)


def source_of(module: nn.Module, *code: Path) -> NetworkSource:
    return NetworkSource(lambda: module, save(module.state_dict()), code)


def batch(n: int, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, *SHAPE[1:]), dtype=np.float32)


def test_equals_eager_pytorch(how: Settings) -> None:
    x = batch(3)
    result = compiled(how)(x)
    with torch.no_grad():
        expected = Small().eval()(torch.from_numpy(x))
    assert list(result) == ["logits", "features"]
    for mine, reference in zip(result.values(), expected, strict=True):
        assert mine.dtype == np.float32
        np.testing.assert_allclose(mine, reference.numpy(), rtol=1e-5, atol=1e-5)


def test_one_output(how: Settings) -> None:
    x = batch(2)
    result = compile_network(source_of(Single()), SHAPE, ("mask",), "single", how)(x)["mask"]
    with torch.no_grad():
        np.testing.assert_allclose(result, Single().eval()(torch.from_numpy(x)).numpy(), rtol=1e-5, atol=1e-5)


def test_no_result_depends_on_its_neighbours(how: Settings) -> None:
    """Bit for bit the same alone, in a batch, and on any number of threads."""
    x = batch(5)
    together = compiled(how)(x)
    by_one_thread = compiled(Settings(how.runtime, threads=1))(x)
    for name, values in together.items():
        alone = np.concatenate([compiled(how)(one[None])[name] for one in x])
        np.testing.assert_array_equal(values, alone)
        np.testing.assert_array_equal(values, by_one_thread[name])


def test_results_are_the_callers_own(how: Settings) -> None:
    network = compiled(how)
    first = network(batch(1, seed=1))
    kept = {name: values.copy() for name, values in first.items()}
    network(batch(1, seed=2))
    for name, values in first.items():
        np.testing.assert_array_equal(values, kept[name])
        values += 1  # neither read-only nor shared
    np.testing.assert_array_equal(network(batch(1, seed=1))["features"], kept["features"])


def test_many_threads_and_two_networks(how: Settings) -> None:
    networks = [compiled(how, seed) for seed in (0, 1)]
    inputs = [batch(1, seed) for seed in range(12)]
    expected = [[network(x) for x in inputs] for network in networks]

    def work(number: int) -> bool:
        which, x = number % 2, (number // 2) % 12
        result = networks[which](inputs[x])
        return all(np.array_equal(values, expected[which][x][name]) for name, values in result.items())

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(work, range(400)))


def test_read_only_and_odd_strides(how: Settings) -> None:
    network, x = compiled(how), batch(2)
    expected = network(x)["features"]
    frozen = x.copy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(network(frozen)["features"], expected)
    np.testing.assert_array_equal(network(np.asfortranarray(x))["features"], expected)


@pytest.mark.parametrize(
    "x",
    [
        batch(1).astype(np.float64),
        batch(1)[0],
        batch(1)[..., :-1],
        batch(1)[:0],
        np.float32(1) + np.zeros((), np.float32),
    ],
    ids=["float64", "no batch", "narrow", "empty", "scalar"],
)
def test_other_input_is_refused(x: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"expected float32 \[N, 1, 32, 24\]"):
        compiled(Settings("torch"))(x)


# The cache


def count_builds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    builds: list[str] = []
    store = cache.store

    def counted(name: str, key: str, content: bytes) -> None:
        builds.append(key)
        store(name, key, content)

    monkeypatch.setattr(cache, "store", counted)
    return builds


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_compiled_once(runtime: str, monkeypatch: pytest.MonkeyPatch) -> None:
    builds = count_builds(monkeypatch)
    x, how = batch(1), Settings(runtime)
    cold, warm = compiled(how)(x), compiled(how)(x)
    assert len(builds) == 1
    for name, values in cold.items():
        np.testing.assert_array_equal(values, warm[name])


def changed_weight(module: Small) -> None:
    with torch.no_grad():
        module.end.bias.add_(1e-3)


def changed_statistics(module: Small) -> None:
    norm = module.body[1]
    assert isinstance(norm.running_mean, torch.Tensor)
    norm.running_mean.add_(1e-3)


@pytest.mark.parametrize("change", [changed_weight, changed_statistics])
def test_other_weights_are_another_network(change: Callable[[Small], None], monkeypatch: pytest.MonkeyPatch) -> None:
    builds, how = count_builds(monkeypatch), Settings("openvino")
    compiled(how)
    module = Small()
    change(module)
    compile_network(source_of(module), SHAPE, ("logits", "features"), "small", how)
    assert len(set(builds)) == 2


def test_other_code_is_another_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever changes what a network computes is not answered with what it computed before."""
    builds, how = count_builds(monkeypatch), Settings("openvino")
    code = tmp_path / "source.py"
    for text in ("one", "two", "one"):
        code.write_text(text)
        compile_network(source_of(Small(), code), SHAPE, ("logits", "features"), "small", how)
    assert len(builds) == len(set(builds)) == 2


@pytest.mark.parametrize(
    ("build", "code"),
    [
        *((lambda a=a: in_two(build_network(a)), classifier.CODE) for a in ("densenet121", "resnet18")),
        (LungNetwork, lungs.CODE),
    ],
)
def test_all_code_of_a_network_is_named(build: Callable[[], nn.Module], code: Sequence[Path]) -> None:
    """Each file of this package that any of its modules is written in."""
    classes = {c for part in build().modules() for c in type(part).__mro__ if c.__module__.startswith("pulmoscan.")}
    assert {Path(inspect.getfile(c)) for c in classes} <= set(code)


def test_precisions_are_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    builds = count_builds(monkeypatch)
    for precision in PRECISIONS:
        compiled(Settings("openvino", precision))
    assert len(set(builds)) == 2


def test_the_beginning_is_exact_in_every_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounding would lose what the first part tells apart; and each part is compiled once."""

    class Fine(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x - 1) * 1024  # of values that bfloat16 takes for 1

    class Rest(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return x.mean(dim=(1, 2, 3)), x

    convolutions = nn.Conv2d(1, 1, 1, bias=False), nn.Conv2d(1, 1, 1, bias=False)
    module = nn.Sequential(nn.Sequential(Fine(), convolutions[0]), nn.Sequential(convolutions[1], Rest()))
    for convolution in convolutions:
        nn.init.ones_(convolution.weight)
    x = np.full((1, 1, 8, 8), 1 + 2**-10, np.float32)
    builds = count_builds(monkeypatch)
    for precision in PRECISIONS:
        source = NetworkSource(lambda: module, b"weights", [], exact_beginning=True)
        for _ in range(2):
            found = compile_network(source, x.shape, ("logits", "features"), "two", Settings("openvino", precision))(x)
            np.testing.assert_allclose(found["features"], 1, rtol=1e-3)
            np.testing.assert_allclose(found["logits"], 1, rtol=1e-3)
    assert len(set(builds)) == 3


def test_a_damaged_file_is_compiled_anew(tmp_path: Path) -> None:
    how, x = Settings("openvino"), batch(1)
    expected = compiled(how)(x)["logits"]
    (file,) = (tmp_path / "cache").iterdir()
    file.write_bytes(file.read_bytes()[:1000])
    np.testing.assert_array_equal(compiled(how)(x)["logits"], expected)


# Choice


def failing(*_: object) -> engine.Engine:
    raise RuntimeError("no such instruction")


def test_a_runtime_that_fails_is_replaced(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setitem(engine._ENGINES, "openvino", failing)
    with caplog.at_level(logging.ERROR):
        network = compiled(Settings("openvino", chosen=False))
    assert network.settings.runtime == "torch"
    assert isinstance(network._engine, Eager)
    assert "openvino cannot be used" in caplog.text


def test_but_not_one_that_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(engine._ENGINES, "openvino", failing)
    with pytest.raises(RuntimeError, match="no such instruction"):
        compiled(Settings("openvino", chosen=True))


@pytest.mark.parametrize("runtime", ["cuda", "mps"])
def test_on_a_gpu(runtime: str) -> None:
    if not installed(runtime):
        pytest.skip(f"no {runtime} device")
    x = batch(40)
    mine, reference = compiled(Settings(runtime))(x), compiled(Settings("torch"))(x)
    for name, values in mine.items():
        np.testing.assert_allclose(values, reference[name], rtol=1e-4, atol=1e-4)


def test_openvino_reports_nothing_to_anyone() -> None:
    """Its package would send an event to Google Analytics whenever it is imported."""
    code = (
        "import sys, pulmoscan.runtime.openvino_cpu, openvino.tools.ovc as o; "
        "print(type(o.telemetry).__module__, [m for m in sys.modules if m.startswith('openvino_telemetry.')])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["openvino.tools.ovc.telemetry_stub", "[]"]


def test_blas_leaves_the_cores_to_the_forward_pass() -> None:
    pools = ThreadpoolController().select(internal_api="openblas")
    with pools.limit(limits=2):
        compile_network(source_of(nn.Conv2d(1, 1, 3)), (1, 1, 8, 8), ("y",), "small", Settings("torch"))
        assert all(pool["num_threads"] == 1 for pool in pools.info())

"""Fixtures: models with random weights, so that no test but the marked ones needs the trained weights or the data."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save

from pulmoscan.models.card import Card, write_card
from pulmoscan.models.networks import Network, build_network
from pulmoscan.models.preprocessing import model_input
from pulmoscan.models.registry import MODELS, ModelSpec
from pulmoscan.population import POPULATIONS
from pulmoscan.reading.radiograph import Radiograph, load_radiograph
from pulmoscan.statistics.metrics import Scores
from tests.lung_weights import dark_is_lung, install_lungs
from tests.pictures import chest, encode, grey8
from tests.skips import (  # noqa: F401 - pytest calls them
    pytest_collectreport,
    pytest_runtest_logreport,
    pytest_sessionfinish,
    pytest_terminal_summary,
)

REPOSITORY = Path(__file__).resolve().parent.parent
DATA = REPOSITORY.parent / "shared" / "data"
ARCHITECTURES = ("densenet121", "resnet50", "resnet18")


SLOW = (
    "batch/archive", "benchmarks", "browser", "cli/test_accept.py", "cli/test_site.py", "examination/test_examine.py",
    "gallery", "hospital", "models/external/test_xrv.py", "models/test_weights.py", "runtime/test_parity.py",
    "test_package.py", "test_without_torch.py", "tools", "training",
)  # fmt: skip
"""What `make check` leaves to the whole run: it trains, starts servers, or builds and compares whole networks."""

QUICK = "not (browser or data or load or machine or slow)"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help=f"run what is {QUICK}")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("quick"):
        config.option.markexpr = QUICK


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What will not run is not imported either: that takes longer than many a test."""
    return True if config.getoption("quick") and _is_slow(collection_path) else None


def _is_slow(path: Path) -> bool:
    return any(path.is_relative_to(REPOSITORY / "tests" / slow) for slow in SLOW)


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.stash[SESSION] = session


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave at once with what the tests came to, when all is torn down, told and written.

    Now and then a whole run ended in a segmentation fault after its last line: so many native libraries in one process
    do not all stand it when the interpreter takes itself apart, and the run then failed without a failed test.
    """
    if hasattr(config, "workerinput") or SESSION not in config.stash:
        return
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(config.stash[SESSION].exitstatus))


SESSION = pytest.StashKey[pytest.Session]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    files = [f"{name}.{kind}" for name in (*MODELS, "lungs") for kind in ("safetensors", "json")]
    missing = [file for file in files if not (REPOSITORY / "weights" / file).is_file()]
    for item in items:
        if _is_slow(item.path):
            item.add_marker(pytest.mark.slow)
        if item.get_closest_marker("data") and not DATA.is_dir():
            item.add_marker(pytest.mark.skip(reason="the datasets are not in ../shared/data"))
        if item.get_closest_marker("weights") and missing:
            item.add_marker(pytest.mark.skip(reason=f"weights/ lacks {', '.join(missing)}"))


@pytest.fixture(scope="session", autouse=True)
def _compiled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compiled networks are kept from run to run, but apart from the user's own; so is the secret of names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PULMOSCAN_CACHE", str(request.config.cache.mkdir("compiled")))
        patch.setenv("PULMOSCAN_KEY", str(tmp_path_factory.mktemp("key") / "names.key"))
        yield


@pytest.fixture(scope="session")
def data() -> Path:
    """The datasets' folder, for tests marked `data`."""
    return DATA


@pytest.fixture(scope="session")
def random_networks() -> dict[str, Network]:
    """A network of each architecture, random but lively: made-up radiographs score from about 0.1 to 0.9."""
    return {architecture: _random_network(architecture) for architecture in ARCHITECTURES}


@pytest.fixture(params=ARCHITECTURES)
def architecture(request: pytest.FixtureRequest) -> str:
    """Each architecture in turn."""
    return str(request.param)


@pytest.fixture
def network(architecture: str, random_networks: dict[str, Network]) -> Network:
    """The random network of the architecture in turn."""
    return random_networks[architecture]


def _random_network(architecture: str) -> Network:
    torch.manual_seed(1)
    network = build_network(architecture).train()
    inputs = [model_input(chest(224, 224, seed).astype(np.float32)) for seed in range(4)]
    batch = torch.from_numpy(np.concatenate(inputs))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network(batch)
        network.eval().half().float()  # the weights files hold float16
        logits = network(batch)
        network.linear.weight.mul_(0.5 / logits.std()).copy_(network.linear.weight.half())
        network.linear.bias.zero_().sub_(network(batch).mean()).copy_(network.linear.bias.half())
    return network


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory: pytest.TempPathFactory, random_networks: dict[str, Network]) -> Path:
    """A weights folder with the random networks, and a lung network that takes dark for lung and every picture for a
    chest; PULMOSCAN_WEIGHTS names it while it lives.
    """
    folder = tmp_path_factory.mktemp("weights")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PULMOSCAN_WEIGHTS", str(folder))
        for spec in MODELS.values():
            install(spec, random_networks[spec.architecture])
        install_lungs(dark_is_lung())
    return folder


@pytest.fixture
def models(random_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The random models are installed."""
    monkeypatch.setenv("PULMOSCAN_WEIGHTS", str(random_weights))
    return random_weights


def install(spec: ModelSpec, network: Network) -> None:
    """Write weights and card of a network as the training does, with made-up scores."""
    state = network.backbone.state_dict()
    data = save({k: v.half() if v.is_floating_point() else v for k, v in state.items()})
    spec.weights_path.write_bytes(data)
    rng = np.random.default_rng(0)
    write_card(
        spec,
        Card(
            weights_sha256=hashlib.sha256(data).hexdigest(),
            thresholds={"child": 0.31, "adult": 0.42},
            target_sensitivity={"child": 0.995, "adult": 0.95},
            heat_method="hirescam",
            heat_reference=0.2,
            scores={
                (population, split): Scores(
                    rng.beta(1.5, 6, 200),
                    rng.beta(6, 1.5, 350),
                    tuple(f"normal_{i}.png" for i in range(200)),
                    tuple(f"pneumonia_{i}.png" for i in range(350)),
                )
                for population in POPULATIONS
                for split in ("validation", "test")
            },
            training={"epochs": 0},
            maximum={"child": 0.1, "adult": 0.15},
            balanced={"child": 0.5, "adult": 0.55},
        ),
    )


@pytest.fixture(scope="session")
def radiographs() -> list[Radiograph]:
    """Eight made-up radiographs of different sizes."""
    return [load_radiograph(encode(grey8(240 + 20 * i, 300, seed=i), "PNG"), f"{i}.png") for i in range(8)]

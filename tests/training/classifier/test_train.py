from __future__ import annotations

import dataclasses
import math
import urllib.error
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from safetensors.torch import load_file, save_file

from pulmoscan.errors import DatasetError, TrainingError
from pulmoscan.models.networks import ResNet, build_network
from pulmoscan.training.classifier import teachers as teaching
from pulmoscan.training.classifier import train as training
from pulmoscan.training.classifier.initial import initialise
from pulmoscan.training.classifier.teachers import Teachers
from pulmoscan.training.classifier.train import (
    TrainingPlan,
    classification_loss,
    consistency_loss,
    softened,
    train,
    train_mean,
)
from pulmoscan.training.data.datasets import load_datasets, select
from pulmoscan.training.state import current_commit, mixed_precision, save_weights
from tests.training.made_up import make_kermany, make_nih

pytestmark = pytest.mark.usefixtures("models", "_narrow")  # `models` for the lung network

PLAN = TrainingPlan(
    "resnet18",
    epochs=2,
    views_per_batch=4,
    pairs_per_batch=1,
    draws={"child": 1.0, "mined": 2.0},
    learning_rate=1e-3,
    average_decay=0.5,
)


class Narrow(torchvision.models.ResNet):
    """A ResNet of one block a stage, an eighth as wide behind its first layer: what is tested is how it is trained."""

    def __init__(self) -> None:
        super().__init__(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=1)
        self.fc = torch.nn.Linear(WIDTH, 1)

    def _make_layer(self, block: Any, planes: int, *rest: Any, **options: Any) -> torch.nn.Sequential:
        return super()._make_layer(block, planes // 8, *rest, **options)


WIDTH = 512 // 8


@pytest.fixture
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The networks that are trained, and that teach, are narrow ones."""
    for module in (training, teaching):
        monkeypatch.setattr(module, "build_network", lambda _: ResNet(Narrow()))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("data")
    return [make_kermany(folder / "kermany", 2), make_nih(folder / "nih", 1)]


@pytest.mark.filterwarnings("ignore::UserWarning:torch")
def test_interrupted_training_ends_as_uninterrupted(
    folders: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, record = train(PLAN, folders, "random", tmp_path / "a" / "whole.ckpt", workers=0)
    check_record(record)
    assert not whole.training

    epoch = training.train_epoch

    def stop_after_the_first(state: training.ClassifierState, *rest: Any) -> dict[str, float]:
        if state.epoch == 1:
            raise KeyboardInterrupt
        return epoch(state, *rest)

    monkeypatch.setattr(training, "train_epoch", stop_after_the_first)
    with pytest.raises(KeyboardInterrupt):
        train(PLAN, folders, "random", tmp_path / "parts.ckpt", workers=0)
    epochs: list[int] = []

    def counted(state: training.ClassifierState, *rest: Any) -> dict[str, float]:
        epochs.append(state.epoch)
        return epoch(state, *rest)

    monkeypatch.setattr(training, "train_epoch", counted)
    resumed, resumed_record = train(PLAN, folders, "random", tmp_path / "parts.ckpt", workers=0)
    assert epochs == [1]  # continued, not begun anew
    assert "resumed" in capsys.readouterr().out
    check_record(resumed_record)
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, rtol=1e-3, atol=1e-4)
    assert not list(tmp_path.rglob("*.partial"))


def check_record(record: dict[str, Any]) -> None:
    assert record["plan"] == dataclasses.asdict(PLAN)
    assert record["stopped_after"] == 2
    assert record["init"] == "random"
    assert record["examples"] == {"train": 4 + 2, "validation": 4 + 4}
    assert len(record["data_sha256"]) == 64
    assert record["torch"] == torch.__version__
    assert 0 <= record["storage_difference"] < 0.005
    assert [point["epoch"] for point in record["curves"]] == [1, 2]
    for point in record["curves"]:
        assert all(math.isfinite(value) for value in point.values())
        assert point["classification"] > 0
        assert 0 <= point["attention"] <= 1
        assert 0 <= point["child_auc"] <= 1
        assert 0 <= point["adult_auc"] <= 1
        assert point["seconds"] > 0


@pytest.mark.filterwarnings("ignore::UserWarning:torch")
def test_a_schedule_can_be_left_early(folders: list[Path], tmp_path: Path) -> None:
    _, record = train(PLAN, folders, "random", tmp_path / "early.ckpt", workers=0, stop_after=1)
    assert record["stopped_after"] == len(record["curves"]) == 1
    assert record["plan"]["epochs"] == 2


@pytest.mark.filterwarnings("ignore::UserWarning:torch")
def test_the_mean_of_several_trainings_and_the_initial_weights(folders: list[Path], tmp_path: Path) -> None:
    init = weights_file(tmp_path / "init.safetensors")
    short = dataclasses.replace(PLAN, epochs=1)
    each = [train(dataclasses.replace(short, seed=s), folders, str(init), tmp_path / f"{s}.pt", 0)[0] for s in (0, 1)]
    mean, record = train_mean(short, [0, 1], folders, str(init), tmp_path / "mean.pt", 0)
    assert record["plan"]["seed"] == [0, 1]
    assert {point["seed"] for point in record["curves"]} == {0, 1}
    first = "backbone.conv1.weight"
    between = (each[0].state_dict()[first] + each[1].state_dict()[first]) / 2
    torch.testing.assert_close(mean.state_dict()[first], between)
    half, record = train_mean(short, [0], folders, str(init), tmp_path / "0.pt", 0, with_init=True)
    assert record["plan"]["mean_with_init"]
    initial = load_file(init)["conv1.weight"].float()
    torch.testing.assert_close(half.state_dict()[first], (each[0].state_dict()[first] + initial) / 2)


# Teachers


def test_teachers_judge_by_the_mean_of_their_logits(tmp_path: Path) -> None:
    files = []
    for number, bias in enumerate((-1.0, 3.0)):
        files.append(("resnet18", str(tmp_path / f"{number}.safetensors")))
        save_file({"fc.weight": torch.zeros(1, WIDTH), "fc.bias": torch.tensor([bias])}, files[-1][1])
    teachers = Teachers(files, torch.device("cpu"))
    judged = teachers.judge(torch.randn(2, 3, 224, 224))
    torch.testing.assert_close(judged, torch.sigmoid(torch.ones(2)))
    assert not any(p.requires_grad for network in teachers.networks for p in network.parameters())


@pytest.mark.filterwarnings("ignore::UserWarning:torch")
def test_what_teachers_say_is_learned_against_the_labels(folders: list[Path], tmp_path: Path) -> None:
    """A teacher that calls nothing pneumonia, given all the say: the classification loss ends near its judgement's."""
    teacher = tmp_path / "teacher.safetensors"
    save_file({"fc.weight": torch.zeros(1, WIDTH), "fc.bias": torch.tensor([-8.0])}, teacher)
    plan = dataclasses.replace(PLAN, teaching=1.0, learning_rate=3e-3)
    taught, record = train(plan, folders, "random", tmp_path / "x.pt", 0, teachers=[("resnet18", str(teacher))])
    alone, _ = train(dataclasses.replace(plan, teaching=0.0), folders, "random", tmp_path / "y.pt", 0)
    assert taught.linear.bias.item() < alone.linear.bias.item()
    assert record["plan"]["teaching"] == 1.0
    assert record["teachers"][0].startswith("teacher.safetensors, SHA-256 ")
    assert record["curves"][-1]["classification"] < record["curves"][0]["classification"]


def test_a_teacher_that_cannot_be_had(folders: list[Path], tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"missing\.safetensors is not a file"):
        train(
            PLAN,
            folders,
            "random",
            tmp_path / "x.pt",
            0,
            teachers=[("resnet18", str(tmp_path / "missing.safetensors"))],
        )


def test_curves_watch_an_even_sample(folders: list[Path]) -> None:
    validation = select(load_datasets(folders), "validation")
    watched = training.sample(validation, 1)
    assert {(e.population, e.label) for e in watched} == {(p, c) for p in ("child", "adult") for c in (0, 1)}
    assert len(watched) == 4
    assert training.sample(validation, 100) == validation


# Initial weights


def weights_file(path: Path, **changes: Any) -> Path:
    torch.manual_seed(3)
    state = torchvision.models.resnet18().state_dict() | changes
    save_file({k: v.half() if v.is_floating_point() else v for k, v in state.items() if v is not None}, path)
    return path


def test_initialise_by_name_and_shape(tmp_path: Path) -> None:
    """An ImageNet file in half precision: all but its 1,000-class layer is taken."""
    path = weights_file(tmp_path / "init.safetensors")
    network = build_network("resnet18")
    head = network.linear.weight.detach().clone()
    state = load_file(path)
    assert initialise(network, "resnet18", str(path)) == len(state) - 2
    own = network.backbone.state_dict()
    assert own["conv1.weight"].dtype == torch.float32
    torch.testing.assert_close(own["conv1.weight"], state["conv1.weight"].float())
    assert torch.equal(own["fc.weight"], head)


def test_initialise_takes_partial_files(tmp_path: Path) -> None:
    path = tmp_path / "part.safetensors"
    save_file({"conv1.weight": torch.ones(64, 3, 7, 7), "unknown": torch.ones(3)}, path)
    network = build_network("resnet18")
    before = {k: v.clone() for k, v in network.backbone.state_dict().items()}
    assert initialise(network, "resnet18", str(path)) == 1
    after = network.backbone.state_dict()
    assert after["conv1.weight"].min() == 1
    assert {k for k in after if not torch.equal(after[k], before[k])} == {"conv1.weight"}


def test_initialise_leaves_infinite_statistics_out(tmp_path: Path) -> None:
    """Half precision ends at 65,504, and the variance of an ImageNet ResNet-50's first layer does not."""
    path = tmp_path / "overflown.safetensors"
    save_file({"bn1.running_var": torch.full((64,), torch.inf), "bn1.running_mean": torch.ones(64)}, path)
    network = build_network("resnet18")
    assert initialise(network, "resnet18", str(path)) == 1
    assert network.backbone.state_dict()["bn1.running_var"].isfinite().all()


def test_saved_weights_keep_large_batch_statistics(tmp_path: Path) -> None:
    path = tmp_path / "weights" / "resnet18.safetensors"
    network = build_network("resnet18")
    network.backbone.state_dict()["bn1.running_var"].fill_(1e6)
    save_weights(network.backbone, path)
    saved = load_file(path)
    assert saved["bn1.running_var"].max() == 1e6
    assert saved["conv1.weight"].dtype == torch.float16


def test_random_start_leaves_the_network_alone() -> None:
    network = build_network("resnet18")
    before = {k: v.clone() for k, v in network.backbone.state_dict().items()}
    assert initialise(network, "resnet18", "random") == 0
    assert all(torch.equal(v, before[k]) for k, v in network.backbone.state_dict().items())


def test_initial_weights_that_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = build_network("resnet18")
    with pytest.raises(TrainingError, match=r"missing\.safetensors is not a file.*--init"):
        initialise(network, "resnet18", str(tmp_path / "missing.safetensors"))
    path = tmp_path / "other.safetensors"
    save_file({"something": torch.ones(3)}, path)
    with pytest.raises(TrainingError, match="no tensor that fits resnet18"):
        initialise(network, "resnet18", str(path))

    def unreachable(*_: Any, **__: Any) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", unreachable)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", unreachable)
    with pytest.raises(TrainingError, match=r"no route to host.*--init FILE"):
        initialise(network, "resnet18", "imagenet")


def test_data_without_training_split(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="not a folder"):
        train(PLAN, [tmp_path / "missing"], "random", tmp_path / "x.ckpt", workers=0)
    folder = make_kermany(tmp_path / "kermany", train=0, validation=0)
    with pytest.raises(TrainingError, match="no training split"):
        train(PLAN, [folder], "random", tmp_path / "x.ckpt", workers=0)


# Losses


def test_classification_loss() -> None:
    logits, labels = torch.tensor([0.0, 2.0]), torch.tensor([0.0, 1.0])
    plain = classification_loss(logits, labels, torch.ones(2))
    assert float(plain) == pytest.approx((math.log(2) + math.log(1 + math.exp(-2))) / 2)
    weighted = classification_loss(logits, labels, torch.tensor([2.0, 0.0]))
    assert float(weighted) == pytest.approx(math.log(2))
    certain = torch.tensor([20.0])
    assert float(classification_loss(certain, softened(torch.ones(1), 0.1), torch.ones(1))) > 0.9  # certainty costs


def test_consistency_loss_compares_the_views_of_each_pair() -> None:
    logits = torch.tensor([9.0, 1.0, 2.0, 1.5, 4.0])  # one single view, then two pairs
    assert float(consistency_loss(logits, 2)) == pytest.approx((0.5**2 + 2**2) / 2)
    assert float(consistency_loss(logits, 0)) == 0


def test_commit_outside_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulmoscan.training.state.HERE", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert current_commit() == ""


@pytest.mark.parametrize(("computes", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_half_the_precision_only_where_the_processor_computes_in_it(
    computes: bool, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pulmoscan.training.state.computes_in_bfloat16", lambda: computes)
    with mixed_precision(torch.device("cpu")):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype


def test_checkpoint_of_another_plan_is_refused(tmp_path: Path) -> None:
    state = training.start(PLAN, "random", 3, torch.device("cpu"))
    path = tmp_path / "resnet18.pt"
    state.save(path)
    state.restore(path)
    other = training.start(dataclasses.replace(PLAN, epochs=PLAN.epochs + 1), "random", 3, torch.device("cpu"))
    with pytest.raises(TrainingError, match="another plan"):
        other.restore(path)
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(TrainingError, match="no checkpoint"):
        other.restore(path)

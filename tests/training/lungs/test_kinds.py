"""The lung network's second head, trained alone on what the frozen levels find."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from pulmoscan.cli import main
from pulmoscan.errors import TrainingError, WeightsDamaged
from pulmoscan.examination import lungs
from pulmoscan.examination.findings import Findings
from pulmoscan.examination.lung_network import FEATURES, LungNetwork
from pulmoscan.training.data.pictures import SIDE_VIEW
from pulmoscan.training.lungs import kinds as training
from pulmoscan.training.lungs.kinds import HELD_OUT, KindPlan, Seen, fit, outlines, train_kinds
from tests.lung_weights import install_lungs
from tests.training.made_up import make_lung_data

PLAN = KindPlan(samples=96, epochs=8, batch=32, learning_rate=0.01)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_lung_data(tmp_path_factory.mktemp("data"), side_view_patients=3)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Installed weights, random ones."""
    monkeypatch.setenv("PULMOSCAN_WEIGHTS", str(tmp_path / "weights"))
    torch.manual_seed(0)
    install_lungs(LungNetwork())
    return lungs.weights_path()


def made_up(n: int = 400) -> Seen:
    """The first feature says chest, the second inverted, the third side view."""
    torch.manual_seed(0)
    features = torch.randn(n, FEATURES)
    features[:, 5] = 0.25 + 1e-6 * torch.randn(n)
    chest, inverted, side = (features[:, i] > 0 for i in range(3))
    owner = torch.where(side, torch.arange(n) % 3, -1)
    turns = torch.full((n,), -1.0)
    answers = torch.stack([chest, chest, inverted, side, turns, owner], dim=1).float()
    return Seen(features, answers)


def test_head_learns_what_the_features_say() -> None:
    seen = made_up()
    head = fit(seen, KindPlan(epochs=30, batch=64))
    with torch.no_grad():
        kinds = head(seen.features)
    found = Findings.of((kinds, kinds, kinds))
    for logits, answers in zip((found.chest, found.inverted, found.side), seen.answers[:, [0, 2, 3]].T, strict=True):
        assert ((logits > 0) == (answers > 0)).float().mean() > 0.95


def test_what_hardly_varied_in_training_is_not_blown_up() -> None:
    seen = made_up()
    head = fit(seen, KindPlan(epochs=1, batch=64))
    other = seen.features.clone()
    other[:, 5] += 0.01
    with torch.no_grad():
        assert (head(other) - head(seen.features)).abs().max() < 0.5


def test_without_leaves_out_these_patients_side_views_alone() -> None:
    seen = made_up()
    rest = seen.without([1])
    assert set(rest.answers[:, -1].tolist()) == {-1.0, 0.0, 2.0}
    assert len(rest.answers) == len(rest.features) == int((seen.answers[:, -1] != 1).sum())


def test_outlines_stay_and_each_patient_has_a_head_of_their_own(folders: list[Path], tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = LungNetwork().eval()
    x = torch.rand(2, 1, 224, 224)
    with torch.no_grad():
        before = network(x)
    record, heads = train_kinds(PLAN, network, folders, tmp_path / "found.pt")
    with torch.no_grad():
        after = network(x)
    torch.testing.assert_close(after[0], before[0], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(after[1], before[1])
    assert set(heads) == {"patient0", "patient1", "patient2"}
    assert record["side views of patients"] == 3
    assert record["plan"]["samples"] == PLAN.samples


def test_what_the_levels_found_is_kept(folders: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = LungNetwork().eval()
    train_kinds(PLAN, network, folders, tmp_path / "found.pt")
    first = network.kind.state_dict()
    monkeypatch.setattr(training, "look", lambda *_: pytest.fail("looked again"))
    train_kinds(PLAN, network, folders, tmp_path / "found.pt")
    for name, tensor in network.kind.state_dict().items():
        torch.testing.assert_close(tensor, first[name])
    with pytest.raises(TrainingError, match="other samples"):
        train_kinds(KindPlan(samples=7), network, folders, tmp_path / "found.pt")


def test_data_without_side_views_is_refused(folders: list[Path], tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="folder named lateral"):
        train_kinds(PLAN, LungNetwork(), folders[:2], tmp_path / "found.pt")


def test_outlines_of_an_earlier_version(weights: Path, tmp_path: Path) -> None:
    old = {name: tensor for name, tensor in load_file(weights).items() if not name.startswith("kind.")}
    save_file(old | {"kind.weight": torch.zeros(7, 384)}, tmp_path / "old.safetensors")
    network, record = outlines(tmp_path / "old.safetensors")
    assert record["init"].startswith("old.safetensors, SHA-256")
    for name, tensor in old.items():
        assert torch.equal(network.state_dict()[name].half(), tensor.half()), name
    save_file({"outline.weight": torch.zeros(1)}, tmp_path / "none.safetensors")
    with pytest.raises(WeightsDamaged):
        outlines(tmp_path / "none.safetensors")
    with pytest.raises(TrainingError, match="--init"):
        outlines(tmp_path / "missing.safetensors")


def test_command_trains_the_kinds_alone_and_keeps_the_held_out_figures(
    folders: list[Path],
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = weights.read_bytes()
    monkeypatch.setattr(training, "KindPlan", lambda: PLAN)
    monkeypatch.setattr("pulmoscan.training.lungs.evaluate.DRAWN_OF_EACH", 1)
    data = [argument for folder in folders for argument in ("--data", str(folder))]
    assert main(["lungs", *data, "--kinds-only", "--checkpoint", str(tmp_path / "run.pt"), "--record"]) == 0
    assert "a head that was trained without them" in capsys.readouterr().out
    assert weights.read_bytes() != before
    card = lungs.read_card()
    assert card.training["epochs"] == 0, "the record of the outlines' training stays"
    assert card.training["kinds"][HELD_OUT][SIDE_VIEW]["n"] == 6
    assert card.figures[SIDE_VIEW] == card.training["kinds"][HELD_OUT][SIDE_VIEW]
    assert json.loads(lungs.card_path().read_text())["limits"]["side"] >= 0.5
    assert lungs.load_reader().card == card

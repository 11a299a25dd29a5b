from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from pulmoscan.errors import DatasetError, TrainingError, WeightsDamaged, WeightsMissing
from pulmoscan.examination import lungs
from pulmoscan.examination.findings import Findings
from pulmoscan.examination.gate import LIMITS
from pulmoscan.examination.lung_network import LungNetwork
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.training.data.pictures import load_pictures
from pulmoscan.training.lungs import train as training
from pulmoscan.training.lungs.calibrate import calibrate_lungs
from pulmoscan.training.lungs.evaluate import describe, evaluate_lungs, record
from pulmoscan.training.lungs.samples import LungSamples, Sample, cropped
from pulmoscan.training.lungs.train import LungPlan, kind_loss, lung_loss, overlap, train_lungs
from tests.pictures import encode, grey8
from tests.training.made_up import make_lung_data

PLAN = LungPlan(epochs=2, steps_per_epoch=2, batch=4)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_lung_data(tmp_path_factory.mktemp("data"), side_view_patients=2)


def test_network_has_the_size_that_its_docstring_says() -> None:
    network = LungNetwork()
    assert sum(p.numel() for p in network.parameters()) <= 3_000_000
    found = Findings.of(network(torch.rand(2, 1, 224, 224)))
    assert found.lungs.shape == (2, 224, 224)
    assert found.turns.shape == (2, 4)
    assert found.mahalanobis.shape == found.chest.shape == (2,)


def test_mahalanobis_distance_is_one_for_the_usual_and_large_for_the_strange() -> None:
    network = LungNetwork().eval()
    torch.manual_seed(0)
    x = torch.rand(64, 1, 224, 224) * torch.rand(64, 1, 1, 1)
    with torch.no_grad():
        network.learn_usual(network.embed(x))
        usual = Findings.of(network(x)).mahalanobis
        strange = Findings.of(network(100 * x[:4])).mahalanobis
    assert 0.3 < float(usual.mean()) < 1.2
    assert float(strange.min()) > 3 * float(usual.max())


def test_samples(folders: list[Path]) -> None:
    samples = LungSamples(load_pictures(folders), length=120)
    assert len(samples) == 120
    torch.manual_seed(0)
    drawn = [samples[i] for i in range(120)]
    for sample in drawn:
        assert sample.grey.shape == (1, 224, 224)
        assert 0 <= float(sample.grey.min()) <= float(sample.grey.max()) <= 1
        assert set(sample.lungs.unique().tolist()) <= {0.0, 1.0}
        if not sample.chest:
            assert sample.turns == -1
            assert math.isnan(sample.whole)
            assert not sample.lungs.any()
    assert {sample.chest for sample in drawn} == {0.0, 1.0}
    assert {sample.turns for sample in drawn} == {-1, 0, 1, 2, 3}
    assert {sample.inverted for sample in drawn if sample.chest} == {0.0, 1.0}
    assert {sample.side for sample in drawn} == {0.0, 1.0}
    for sample in drawn:
        assert (sample.owner >= 0) == (sample.side == 1)
        assert not (sample.side and sample.chest)
    assert {sample.owner for sample in drawn} == {-1, 0, 1}
    assert {sample.whole for sample in drawn if sample.chest} >= {0.0, 1.0}


def test_cropping_says_what_it_left() -> None:
    import random

    image, mask = grey8(200, 200), np.zeros((200, 200), np.uint8)
    mask[50:150, 40:80] = mask[50:150, 120:160] = 255
    for seed in range(60):
        part, of_mask, whole = cropped(image, mask, random.Random(seed))
        share = (of_mask > 0).sum() / (mask > 0).sum()
        assert part.shape == of_mask.shape
        assert part.size < image.size
        assert (whole == 1) == (share > 0.9)
        assert (whole == 0) == (share < 0.65)


def test_losses_count_only_what_is_known() -> None:
    known, unknown = torch.zeros(224, 224), torch.full((224, 224), math.nan)
    known[60:160, 40:180] = 1
    right = torch.where(known > 0, 20.0, -20.0)

    def sample(chest: float, nothing: float) -> Sample:
        return Sample(torch.empty(0), torch.stack([known, unknown]), chest, nothing, nothing, nothing, -1, -1)

    found = Findings.of((torch.stack([right, -right]), torch.full((2, 8), 20.0), torch.zeros(2)))
    assert float(lung_loss(found, sample(1, 1))) == pytest.approx(0, abs=1e-3)
    answers = torch.tensor([1.0, math.nan])
    nobody = torch.tensor([-1, -1])
    one = Sample(torch.empty(0), torch.empty(0), answers, answers, answers, answers, nobody, nobody)  # type: ignore[arg-type]
    assert float(kind_loss(found, one).nan_to_num(0)) == pytest.approx(0, abs=1e-3)


def test_overlap_by_hand() -> None:
    a, b = np.array([1, 1, 0, 0], bool), np.array([0, 1, 1, 0], bool)
    assert overlap(a, b) == 0.5
    assert overlap(~a & a, ~b & b) == 1.0


def test_train_resume_calibrate_and_evaluate(
    folders: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PULMOSCAN_WEIGHTS", str(tmp_path / "weights"))
    epoch = training._train_epoch

    def stop_after_the_first(state: training.LungTraining, loader: object) -> dict[str, float]:
        if state.epoch == 1:
            raise KeyboardInterrupt
        return epoch(state, loader)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(training, "_train_epoch", stop_after_the_first)
        with pytest.raises(KeyboardInterrupt):
            train_lungs(PLAN, folders, tmp_path / "run.pt", workers=0)
    network, kept = train_lungs(PLAN, folders, tmp_path / "run.pt", workers=0)
    assert "resumed" in capsys.readouterr().out
    assert [point["epoch"] for point in kept["curves"]] == [1, 2]
    with pytest.raises(TrainingError, match="another plan"):
        train_lungs(LungPlan(epochs=3), folders, tmp_path / "run.pt", workers=0)

    with pytest.raises(WeightsMissing):
        lungs.load_reader()
    card = calibrate_lungs(network, folders, kept)
    assert set(card.limits) == set(LIMITS)
    assert lungs.read_card() == card
    view = lungs.load_reader().look(load_radiograph(encode(grey8(300, 400), "PNG")).pixels)
    assert view.mask.shape == (224, 224)
    assert view.mask_at(300, 400).shape == (300, 400)

    monkeypatch.setattr("pulmoscan.training.lungs.evaluate.DRAWN_OF_EACH", 2)
    dice, figures = evaluate_lungs(folders)
    assert set(dice) == {"child", "adult"}
    assert all(0 <= figure.estimate <= 1 for figure in dice.values())
    kinds = {figure.kind: figure for figure in figures}
    assert {"children (Kermany)", "photos", "collage", "inverted radiograph", "radiograph turned by 180°"} <= set(kinds)
    assert kinds["drawing"].rate.n == 2
    assert "Named, with the right correction" in describe(dice, figures)
    record(dice, figures)
    assert lungs.read_card().figures["Dice, child"]["n"] == dice["child"].n

    lungs.weights_path().write_bytes(lungs.weights_path().read_bytes()[:-1] + b"x")
    with pytest.raises(WeightsDamaged, match="checksum"):
        lungs.load_reader()


def test_data_without_masks_or_without_others_is_refused(folders: list[Path], tmp_path: Path) -> None:
    for some in (folders[:2], folders[2:]):
        with pytest.raises(TrainingError, match="must hold"):
            train_lungs(PLAN, some, tmp_path / "run.pt", workers=0)
    with pytest.raises(DatasetError, match="validation"):
        calibrate_lungs(LungNetwork(), folders[2:], {})

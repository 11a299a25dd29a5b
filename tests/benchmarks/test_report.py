"""The command runs through and its figures hang together; how fast it is here is nobody's business in a test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import command, load, pipeline, reader, report, stages
from benchmarks.memory import ROOT
from benchmarks.timing import Times
from pulmoscan import DISCLAIMER
from pulmoscan.cli import main

pytestmark = pytest.mark.usefixtures("models")


def test_stages_and_batches(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "BATCH", 2)
    monkeypatch.setattr(stages, "BATCH_SIZES", (1, 2))
    monkeypatch.setattr(stages, "MATRIX_SIDE", 256)
    monkeypatch.setattr(stages, "DISPLAY_SIDE", 320)
    arguments = ["benchmark", "--model", "resnet18", "--part", "stages", "--part", "batches", "--rounds", "2"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert DISCLAIMER in out
    rows = {
        c[0].strip(): [x.strip() for x in c[1:]]
        for line in out.splitlines()
        if len(c := line.strip("|").split("|")) > 3
    }
    for name in ("the demos' way", "PulmoScan", "– forward pass", "– overlay", "PyTorch, forward"):
        median, p95 = float(rows[name][0]), float(rows[name][1])
        assert 0 < median <= p95
    assert float(rows["the demos' way"][2]) == 1
    assert re.search(r"6\.\d\d GFLOP", out)  # He et al. 2016 give 3.6; the finer map costs the rest
    assert re.search(r"resnet18 \| [\d.]+ radiographs a second \| [\d.]+ a second at [12] \| [\d.]+ ×", out)


def test_share_of_peak_and_ratio() -> None:
    milliseconds = {stages.DEMO: 100.0, stages.OURS: 20.0, stages.FORWARD: 10.0}
    times = {name: Times([value]) for name, value in milliseconds.items()}
    result = stages.StageTimes("m", times, gigaflop=2.0, peak=400.0)
    assert result.ratio(stages.OURS) == 5
    assert result.share_of_peak(stages.FORWARD) == pytest.approx(0.5)


def test_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    enlarged = pipeline._enlarged
    monkeypatch.setattr(pipeline, "_enlarged", lambda width, height: enlarged(width // 8, height // 8))
    measured = pipeline.measure("resnet18", 1, "wall", int)
    assert len(measured) == 4
    for times in measured.values():
        stages_sum = sum(t.median for name, t in times.items() if name != "total")
        assert 0 < stages_sum <= times["total"].median
    assert "16-bit DICOM" in report._pipeline(measured)


def test_start_beside_an_empty_page() -> None:
    pairs = [(load.ColdStart(s, 2 * s, 0.3, 500), load.ColdStart(s / 2, s, float("nan"), 90)) for s in (2.0, 3.0, 5.0)]
    said = report._start(pairs)
    assert "| `pulmoscan app` to the first result, then all models | 3.00 | 6.00 | 500 |" in said
    assert "| `streamlit run` to an empty page | 1.50 | 3.00 | 90 |" in said
    assert "takes 2.00 times as long as an empty page, and 2.00 times the processor time" in said


def test_another_checkout_that_cannot_screen_is_named(tmp_path: Path) -> None:
    with pytest.raises(command.CheckoutFailed, match=f"{tmp_path} fails: .*No module named pulmoscan"):
        command._screen(tmp_path)


def test_command_beside_another_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each in turn; the first round, in which the networks may have to be compiled, does not count."""
    seen: list[Path] = []

    def screened(checkout: Path) -> tuple[float, float]:
        seen.append(checkout)
        wall = 100.0 if len(seen) <= 2 else 4.0 if checkout == tmp_path else 1.0
        return wall, wall / 2

    monkeypatch.setattr(command, "_screen", screened)
    times = command.measure(3, tmp_path, int)
    assert seen == [ROOT, tmp_path] * 4
    assert times[command.HERE] == command.CommandTimes([1.0] * 3, [0.5] * 3)
    assert "25 % of the time, 25 % of the processor time" in report._command(times)
    alone = command.measure(1, None, int)
    assert "%" not in report._command(alone)


def test_waits_beside_an_empty_page() -> None:
    waits = reader.Waits({reader.EMPTY: Times([1000.0, 2000, 3000]), reader.FIRST: Times([500.0])}, Times([40.0, 42]))
    said = report._page(waits)
    assert f"| {reader.FIRST} | 500.0 | 500.0 | 0.25 | 1 |" in said
    assert "41.0 ms of processor time on an event of the threshold (median of 2 rounds of 20 events)" in said


@pytest.mark.browser
def test_waits_in_a_browser(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    monkeypatch.setattr(reader, "THRESHOLDS", (0.2, 0.4))
    waits = reader.measure(1, int, {"PULMOSCAN_WEIGHTS": str(models)})
    counts = {name: len(times.milliseconds) for name, times in waits.times.items()}
    assert counts == {reader.EMPTY: 1, reader.OPENED: 1, reader.ASKED: 1, reader.SHOWN: 1, reader.FIRST: 1,
                      reader.MOVED: 2}  # fmt: skip
    assert all(min(times.milliseconds) > 0 for times in waits.times.values())


def test_accuracy_needs_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", "--part", "accuracy"]) == 1
    assert "--data" in capsys.readouterr().err


@pytest.mark.data
def test_accuracy(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["benchmark", "--model", "resnet18", "--part", "accuracy", "--limit", "12"]
    assert main([*arguments, "--data", str(data / "kermany"), "--data", str(data / "nih_adult")]) == 0
    found = re.search(r"openvino float32 \| 12 \| (\S+) \| (\S+) \| 0 \|", capsys.readouterr().out)
    assert found
    assert 0 < float(found[1]) < 1e-4

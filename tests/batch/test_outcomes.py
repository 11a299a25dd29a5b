"""Many files: order, duplicates, bad ones, how much is in memory at a time; and going on where a run has stopped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from PIL import Image

from pulmoscan import cli
from pulmoscan.batch.downloads import LARGEST_SIDE, write_overlays, write_pdf
from pulmoscan.batch.outcomes import AHEAD, Outcome, load, screen_items, urgency
from pulmoscan.batch.output import csv_text
from pulmoscan.batch.resume import finished
from pulmoscan.errors import ResumeError, UnsuitableRadiograph, WeightsMissing
from pulmoscan.models import gradcam
from pulmoscan.models.classifier import Classifier, Forward
from pulmoscan.reading.intake import Item
from pulmoscan.screening import screen
from tests.conftest import REPOSITORY
from tests.pictures import encode, grey8

MODEL = "resnet18"


def item(name: str, seed: int = 0, height: int = 250, width: int = 300) -> Item:
    data = encode(grey8(height, width, seed=seed), "PNG")
    return Item(name, lambda: data)


@pytest.mark.usefixtures("models")
class TestScreening:
    def test_outcomes_come_in_order_and_as_each_alone(self) -> None:
        items = [item(f"{i}.png", seed=i) for i in range(4)]
        outcomes = list(screen_items(items, MODEL, "adult"))
        assert [outcome.file for outcome in outcomes] == ["0.png", "1.png", "2.png", "3.png"]
        for one, outcome in zip(items, outcomes, strict=True):
            assert outcome.screening is not None
            alone = screen(load(one), MODEL, "adult")
            assert outcome.screening.reading.probability == alone.reading.probability
            assert outcome.screening.label == alone.label

    def test_bad_files_stop_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail() -> bytes:
            raise RuntimeError("internals")

        blank = encode(Image.new("L", (300, 300), 7), "PNG")
        bad = [Item("blank.png", lambda: blank), Item("broken.jpg", lambda: b"\xff\xd8 no"), Item("odd.png", fail)]
        outcomes = list(screen_items([*bad, item("good.png")], MODEL))
        assert [outcome.status for outcome in outcomes] == ["refused", "error", "error", "ok"]
        assert all(outcome.reason for outcome in outcomes[:3])
        assert "internals" not in outcomes[2].reason

        class NoChest(UnsuitableRadiograph):
            pass

        def gate(*_: object) -> None:
            raise NoChest("This is no chest radiograph.")

        monkeypatch.setattr("pulmoscan.batch.outcomes.screen", gate)
        (outcome,) = screen_items([item("cat.png")], MODEL)
        assert (outcome.status, outcome.reason) == ("refused", "This is no chest radiograph.")

    def test_the_same_file_is_recognised_and_read_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        passes = []
        forward = Classifier.forward

        def counted(self: Classifier, x: object) -> Forward:
            passes.append(x)
            return forward(self, x)  # type: ignore[arg-type]

        monkeypatch.setattr(Classifier, "forward", counted)
        first, other, again = screen_items([item("a.png", 1), item("b.png", 2), item("copy of a.png", 1)], MODEL)
        assert len(passes) == 2
        assert first.screening
        assert other.screening
        assert again.screening
        assert again.screening.reading is first.screening.reading
        assert again.duplicate_of == "a.png"
        assert again.screening.warnings[-1] == "The very same file as a.png."
        assert not other.duplicate_of

    def test_no_more_radiographs_are_in_memory_than_promised(self) -> None:
        """Each is read only when its turn is near."""
        opened = []

        def opening(i: int) -> Callable[[], bytes]:
            data = encode(grey8(100, 100, seed=i), "PNG")

            def read() -> bytes:
                opened.append(i)
                return data

            return read

        outcomes = screen_items((Item(f"{i}.png", opening(i)) for i in range(10)), MODEL)
        for done, _ in enumerate(outcomes, start=1):
            assert len(opened) <= done + AHEAD
            if done == 3:
                break
        assert max(opened) < 5

    def test_missing_weights_stop_the_run(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PULMOSCAN_WEIGHTS", str(tmp_path))
        with pytest.raises(WeightsMissing):
            list(screen_items([item("a.png")], MODEL))

    def test_urgency(self) -> None:
        outcomes = list(screen_items([item(f"{i}.png", seed=i) for i in range(6)], MODEL))
        probabilities = [o.screening.reading.probability for o in sorted(outcomes, key=urgency) if o.screening]
        assert len({round(p, 2) for p in probabilities}) > 2
        assert [round(p, 2) for p in probabilities] == sorted((round(p, 2) for p in probabilities), reverse=True)
        small = next(iter(screen_items([item("small.png", seed=0, height=100, width=120)], MODEL)))
        known = next(iter(screen_items([item("0.png", seed=0)], MODEL, "child")))
        assert small.screening
        assert known.screening
        assert len(small.screening.warnings) > len(known.screening.warnings)
        alike = Outcome("b.png", "ok", MODEL, None, known.screening)
        warned = Outcome("c.png", "ok", MODEL, None, small.screening)
        if round(known.screening.reading.probability, 2) == round(small.screening.reading.probability, 2):
            assert sorted([alike, warned], key=urgency)[0] is warned
        assert sorted([Outcome("x", "error", MODEL), alike], key=urgency)[0] is alike

    def test_zip_of_overlays(self) -> None:
        items = [item("a.png", 1), item("below/a.png", 2), item("large.png", 3, 600, 2 * LARGEST_SIDE)]
        outcomes = list(screen_items(items, MODEL))
        stream = BytesIO()
        pairs = [*zip(items, outcomes, strict=True), (item("x.png"), Outcome("x.png", "error", MODEL))]
        assert list(write_overlays(pairs, stream)) == ["a", "a-2", "large"]
        with zipfile.ZipFile(stream) as archive:
            assert set(archive.namelist()) == {"README.txt", "a.jpg", "a-2.jpg", "large.jpg"}
            assert b"Not a medical device" in archive.read("README.txt")
            assert Image.open(BytesIO(archive.read("large.jpg"))).size == (LARGEST_SIDE, 300)
            shown = np.asarray(Image.open(BytesIO(archive.read("a.jpg")))).astype(int)
        first = outcomes[0]
        assert first.screening
        assert first.radiograph
        expected = gradcam.overlay(first.radiograph.pixels, first.screening.reading.heatmap(), 0.6)
        assert np.abs(shown - expected).mean() < 3

    def test_one_pdf_of_all(self) -> None:
        items = [item("a.png", 1), item("b.png", 2)]
        outcomes = list(screen_items(items, MODEL))
        pairs = [*zip(items, outcomes, strict=True), (item("x.png"), Outcome("x.png", "error", MODEL))]
        for anonymous in (False, True):
            stream = BytesIO()
            drawn = ["radiograph-0001", "radiograph-0002"] if anonymous else ["a.png", "b.png"]
            assert list(write_pdf(pairs, stream, anonymous)) == drawn
            pdf = pypdfium2.PdfDocument(stream.getvalue())
            words = [page.get_textpage().get_text_bounded() for page in pdf]
            assert len(words) == 3, "a summary and two reports"
            assert all("medical device" in " ".join(text.split()) for text in words)
            assert not any(name in words[0] for name in ("a.png", "b.png", "x.png"))
            named = [name in text for name, text in zip(("a.png", "b.png"), words[1:], strict=True)]
            assert named == [not anonymous] * 2

    def test_csv_of_outcomes_quotes_and_defuses(self) -> None:
        text = csv_text([Outcome("=1+1.png", "error", MODEL, reason="Broken, quite.")])
        assert text.splitlines()[1].startswith("'=1+1.png,error,resnet18,")
        assert '"Broken, quite."' in text


# Going on


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = cli.main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for i in range(3):
        (folder / f"{i}.png").write_bytes(encode(grey8(240, 260, seed=i), "PNG"))
    return folder


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("form", ["json", "csv"])
def test_resume_reads_only_what_is_left(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    arguments = ("screen", folder, "--model", MODEL, "--format", form)
    code, whole, _ = run(capsys, *arguments)
    assert code == 0
    lines = whole.splitlines()
    kept = 2 if form == "csv" else 1  # CSV has a heading
    earlier = tmp_path / "earlier"
    # One file is done; the run was cut short while it wrote the second.
    earlier.write_text("\n".join(lines[:kept]) + "\n" + lines[kept][: len(lines[kept]) // 2])
    code, rest, err = run(capsys, *arguments, "--resume", earlier)
    assert code == 0
    assert "1 of 3 files are done already" in err

    def files(text: list[str]) -> list[str]:
        return [json.loads(t)["file"] if form == "json" else t.split(",")[0] for t in text]

    assert files(rest.splitlines()) == files(lines[kept:]), "and no second heading"


@pytest.mark.usefixtures("models")
def test_resume_into_the_file_itself_loses_no_line(folder: Path, tmp_path: Path, random_weights: Path) -> None:
    """As a user does: `screen … --resume done.jsonl >> done.jsonl`, after a run that was killed mid-line."""
    done = tmp_path / "done.jsonl"
    done.write_text('{"file": "' + str(folder / "0.png"))
    command = [sys.executable, "-m", "pulmoscan", "screen", str(folder), "--model", MODEL, "--format", "json"]
    environment = {**os.environ, "PULMOSCAN_WEIGHTS": str(random_weights)}
    for expected in (3, 3):
        with done.open("a") as target:
            again = subprocess.run(
                [*command, "--resume", str(done)], stdout=target, cwd=REPOSITORY, env=environment, check=False
            )
        assert again.returncode == 0
        assert len(finished(done, MODEL)) == expected
    assert len(done.read_text().splitlines()) == 4, "the cut line, and one for each file"


@pytest.mark.usefixtures("models")
def test_exit_code_counts_what_the_earlier_run_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"file": str(folder / "0.png"), "status": "refused", "model": MODEL}
    (tmp_path / "earlier").write_text(json.dumps(row) + "\n")
    assert run(capsys, "screen", folder, "--model", MODEL, "--resume", tmp_path / "earlier")[0] == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"a shopping list\nmilk\n", "holds no results"),
        (b'{"file": "a", "status": "ok", "model": "resnet50"}\n', "--model resnet50"),
    ],
)
def test_files_that_no_run_can_go_on_from(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "earlier"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ResumeError, match=words):
        finished(path, MODEL)


@pytest.mark.parametrize("content", ["", '{"file": "a.pn', "file,status,model\n", "file,status,model\na.png,o"])
def test_a_run_that_was_stopped_before_its_first_result(tmp_path: Path, content: str) -> None:
    (tmp_path / "earlier").write_text(content)
    assert finished(tmp_path / "earlier", MODEL) == {}


@pytest.mark.usefixtures("models")
def test_a_zip_is_screened_by_its_members(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"ward/{file.name}")
        archive.writestr("ward/broken.png", b"nothing")
    code, out, _ = run(capsys, "screen", path, "--model", MODEL, "--format", "json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert [Path(row["file"]).name for row in rows] == ["0.png", "1.png", "2.png", "broken.png"]
    assert [row["status"] for row in rows] == ["ok", "ok", "ok", "error"]

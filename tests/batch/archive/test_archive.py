"""The command: what `screen` says, bit for bit, whatever the workers, the units and the order; and its report."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import fsspec
import pytest

from benchmarks.archive_faults import compared
from pulmoscan import cli
from pulmoscan.batch.archive import manifest as m
from pulmoscan.batch.archive import run as archive
from pulmoscan.batch.archive.entries import Entry
from pulmoscan.batch.archive.processes import screener_of, variables
from pulmoscan.batch.archive.report import connect, report
from pulmoscan.batch.archive.schema import row_schema
from pulmoscan.batch.archive.screening import Screener, about_entry, write_unit
from pulmoscan.batch.archive.store import Store
from pulmoscan.batch.outcomes import screen_items
from pulmoscan.errors import OtherRun
from pulmoscan.models.site_profile import write_profile
from pulmoscan.reading.intake import path_items
from pulmoscan.reading.listing import find_files
from pulmoscan.reading.records import to_json
from pulmoscan.screening import load_model
from pulmoscan.statistics.metrics import proportion
from tests.batch.archive.test_run import Here, rows
from tests.conftest import REPOSITORY
from tests.dicoms import dicom, save
from tests.pictures import encode, grey8
from tests.site_profiles import profile

MODELS = ("resnet18", "resnet50")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Radiographs of several kinds, one of them twice, and files that are none."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.png").write_bytes(encode(grey8(300, 280, seed=number), "PNG"))
    (folder / "again.png").write_bytes((folder / "3.png").read_bytes())
    (folder / "d.dcm").write_bytes(save(dicom(PatientAge="004Y", StudyDate="20240517")))
    (folder / "blank.png").write_bytes(encode(grey8(300, 280) * 0 + 7, "PNG"))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not much of a JPEG")
    (folder / "notes.txt").write_text("not an image, and not looked at")
    return folder


@pytest.fixture(autouse=True)
def decoding_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULMOSCAN_DECODING", "here")


def test_parity_with_screen(folder: Path, models: Path, tmp_path: Path) -> None:
    assert models.is_dir()
    said = {
        model: [outcome.as_dict() for outcome in screen_items(path_items(find_files([str(folder)])), model)]
        for model in MODELS
    }
    found = []
    for unit in (1, 8):
        store = Store(str(tmp_path / f"out{unit}"))
        asked = archive.begin(archive.asked_for(str(folder), list(MODELS), unit=unit), store)
        manifest = archive.run(asked, store, Here(Screener(asked, store.where)))
        counts = {"ok": 7, "refused": 1, "error": 1, "passed over": 1}
        assert all(manifest.counts[model] == counts for model in MODELS)
        by_file = sorted(rows(store), key=lambda row: (row["ordinal"], row["model"]))
        for model in MODELS:
            of_model = [row for row in by_file if row["model"] == model]
            assert compared(of_model, said[model]) == []
        found.append([{**row, "milliseconds": None} for row in by_file])
    assert found[0] == found[1]
    dicom_row = next(row for row in found[0] if row["file"].endswith("d.dcm"))
    assert (dicom_row["month"], dicom_row["age"], dicom_row["population"]) == ("2024-05", 4.0, "child")
    assert len(dicom_row["evidence"]) == dicom_row["evidence_rows"] * dicom_row["evidence_columns"]


def test_a_site_profile_is_named_in_every_row_and_belongs_to_the_run(
    folder: Path, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert models.is_dir()
    store = Store(str(tmp_path / "out"))
    site = profile(load_model("resnet18").card.weights_sha256)
    write_profile(tmp_path / "site.json", site)
    monkeypatch.setenv("PULMOSCAN_SITE", str(tmp_path / "site.json"))
    asked = archive.begin(archive.asked_for(str(folder), list(MODELS), unit=8), store)
    archive.run(asked, store, Here(Screener(asked, store.where)))
    named = {(row["model"], row["site_profile"]) for row in rows(store) if row["status"] == "ok"}
    assert named == {("resnet18", site.label), ("resnet50", None)}
    monkeypatch.delenv("PULMOSCAN_SITE")
    with pytest.raises(OtherRun, match="site_profiles"):
        archive.begin(archive.asked_for(str(folder), list(MODELS), unit=8), store)


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    code = cli.main(["archive", *map(str, arguments)])
    return code, capsys.readouterr().out


def test_command_and_its_report(folder: Path, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert models.is_dir()
    out = tmp_path / "out"
    options = ("--out", out, "--model", "resnet18", "--engine", "processes", "--workers", 1, "--unit", 8)
    code, said = run(capsys, folder, *options, "--overlays", "--report", "json")
    assert code == 1  # some were refused or failed, as `screen` has it
    assert "10 of 10 files done: 7 ok, 1 refused, 1 error, 1 passed over" in said
    assert len(list(out.rglob("*.png"))) == len(list((out / "reports").rglob("*.json"))) == 7
    code, said = run(capsys, "report", out)
    assert code == 0
    assert "10 files: 10 done, 0 left." in said
    assert "1 files hold the same bytes as one before" in said
    _, said = run(capsys, "report", out, "--format", "json")
    (found,) = json.loads(said)["found"]
    once = [row["label"] for row in rows(Store(str(out))) if not row["file"].endswith("again.png")]
    positive = once.count("pneumonia")
    assert found["prevalence"]["n"] == 6
    assert found["prevalence"]["estimate"] == pytest.approx(positive / 6)


def test_dry_run_writes_nothing(
    folder: Path, models: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert models.is_dir()
    monkeypatch.setenv("PULMOSCAN_THREADS", "1")  # which it sets, and is then taken back
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(folder.parent)
    code, said = run(capsys, folder, "--dry-run", "--model", "resnet18")
    assert code == 0
    assert "10 files, listed in" in said
    assert " 256 cores: about" in said
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.parametrize("arguments", [("x", "y", "--out", "z"), ("x",), ("report",)])
def test_wrong_usage(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, *arguments)[0] == 2


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(str(tmp_path / "out"))
    found = []
    for number in range(400):
        late, ill = number >= 200, number % 4 == 0
        entry = Entry(
            number, f"{number}.png", "x", label="pneumonia" if ill else "normal", age=3.0 if number % 2 else 50.0,
            day="2024-02-01" if late else "2024-01-31", site="A|B",
        )  # fmt: skip
        positive = ill or (late and number % 4 == 1)
        found.append(
            {**dict.fromkeys(row_schema().names), **about_entry(entry), "status": "ok", "model": "resnet18",
             "label": "pneumonia" if positive else "normal", "logit": 2.0 * positive + 0.001 * number,
             "sha256": str(number), "chest": 1.0, "defects": ["blur"] if number < 40 else [], "attempt": 1,
             "poisoned": False, "population": "child" if number % 2 else "adult"}
        )  # fmt: skip
    found[1] |= {"status": "refused", "refusal": "side view", "label": None, "logit": None}
    for unit in range(4):
        write_unit(store, unit, found[unit * 100 : (unit + 1) * 100])
    asked = m.Asked(
        source="made up", weights={"resnet18": "0"}, lung_weights="1", population="auto", unit=128, version="0",
        schema_version=1, files=400,
    )  # fmt: skip
    store.write(m.ASKED, to_json(asked))
    return store


class TestReport:
    """Over made-up rows, whose shares are known."""

    def test_shares_with_their_intervals(self, store: Store) -> None:
        (found,) = report(store.where).found
        assert found.prevalence == proportion(150, 399)
        assert found.refused == proportion(1, 400)
        assert [(part.name, part.share.n) for part in found.reasons] == [("side view", 400)]
        assert found.defects[0].share == proportion(40, 400)
        assert found.sensitivity == proportion(100, 100)
        assert found.specificity == proportion(249, 299)
        assert {part.name: part.share.n for part in found.groups["age"]} == {"40 to 64": 200, "1 to 5": 199}

    def test_drift_is_seen(self, store: Store) -> None:
        (found,) = report(store.where).found
        january, february = found.months
        assert (january.name, january.p) == ("2024-01", None)
        assert january.share == proportion(50, 199)
        assert february.p is not None
        assert february.p < 0.01
        text = report(store.where).as_text()
        assert "| A/B |" in text

    def test_duckdb_reads_the_shards(self, store: Store) -> None:
        assert connect(store).execute("SELECT count(*) FROM results").fetchone() == (400,)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An object store that speaks S3, on loopback; its keys are in the environment and nowhere else."""
    server = pytest.importorskip("moto.server")
    pytest.importorskip("s3fs")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = server.ThreadedMotoServer("127.0.0.1", port)
    running.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "some-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-of-this-test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    fsspec.filesystem("s3", skip_instance_cache=True).mkdir("archive")
    yield "s3://archive"
    running.stop()


def test_object_store_as_source_and_target(
    bucket: str, folder: Path, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert models.is_dir()
    system = fsspec.filesystem("s3", skip_instance_cache=True)
    system.put(str(folder), "archive/in", recursive=True)
    local = Store(str(tmp_path / "local"))
    for source, store in ((str(folder), local), (f"{bucket}/in", Store(f"{bucket}/out"))):
        asked = archive.begin(archive.asked_for(source, ["resnet18"], unit=8), store)
        archive.run(asked, store, Here(Screener(asked, store.where)))
    code, said = run(capsys, "report", f"{bucket}/out", "--format", "json")
    assert code == 0
    there = json.loads(said)
    assert there["found"] == json.loads(report(local.where).as_json())["found"]
    written = b"".join(system.cat_file(path) for path in system.find("archive/out"))
    assert b"a-secret-of-this-test" not in written
    assert b"some-key" not in written


@pytest.mark.machine  # Ray gives its own parts seconds to start, which a machine that works for others too may not have
def test_on_ray(folder: Path, models: Path, tmp_path: Path) -> None:
    """The same rows by Ray's actors, whose servers listen on loopback alone."""
    if not find_spec("ray"):  # which must not be imported before it is told what to listen on
        pytest.skip("Ray is not installed")
    from pulmoscan.batch.archive.ray_cluster import RayPool, connect

    found: list[Any] = []
    for engine in ("here", "ray"):
        store = Store(str(tmp_path / engine))
        asked = archive.begin(archive.asked_for(str(folder), ["resnet18"], unit=8), store)
        if engine == "here":
            archive.run(asked, store, Here(Screener(asked, store.where)))
        else:
            connect(None, 2)
            environment = {**variables(1), "PULMOSCAN_WEIGHTS": str(models), "PULMOSCAN_DECODING": "here"}
            pool = RayPool(partial(screener_of, asked, store.where), 2, environment)
            try:
                archive.run(asked, store, pool)
            finally:
                pool.close()
        found.append([{**row, "milliseconds": None} for row in rows(store)])
    assert found[0] == found[1]


def test_notebook_runs_from_top_to_bottom(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    monkeypatch.setenv("RUN", store.where)
    notebook = nbformat.read(REPOSITORY / "docs" / "archive-analysis.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(REPOSITORY)}}).execute()
    assert "400 files: 400 done, 0 left." in notebook.cells[1].outputs[0].text
    assert "side view" in str(notebook.cells[5].outputs)

"""A run's results a page at a time: the most urgent first, no row twice, none left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.archive_paging import MODEL, made_up_run
from pulmoscan.batch.archive import run as archive
from pulmoscan.batch.archive.paging import CONDITIONS, ROWS_A_PAGE, Results
from pulmoscan.batch.archive.screening import Screener
from pulmoscan.batch.archive.store import Store
from pulmoscan.errors import NotARun, RadiographError
from tests.batch.archive.test_run import Here
from tests.pictures import encode, grey8

FILES = 600
duckdb = pytest.importorskip("duckdb")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return Results(made_up_run(str(tmp_path_factory.mktemp("run")), FILES).where)


def test_every_row_is_on_one_page(results: Results) -> None:
    pages = [results.page(MODEL, "All", number) for number in range(FILES // ROWS_A_PAGE)]
    assert {page.total for page in pages} == {FILES}
    assert {page.pages for page in pages} == {FILES // ROWS_A_PAGE}
    assert sorted(row["ordinal"] for page in pages for row in page.rows) == list(range(FILES))
    scores = [row["probability"] for page in pages for row in page.rows]
    screened = [score for score in scores if score is not None]
    assert screened == sorted(screened, reverse=True)
    assert scores[len(screened) :] == [None] * (FILES - len(screened))
    assert results.page(MODEL, "All", FILES).rows == []


def test_conditions_share_the_rows_out(results: Results) -> None:
    counts = results.counts(MODEL)
    assert set(counts) == set(CONDITIONS)
    assert counts["Refused"] == FILES // 50
    assert counts["All"] == FILES == sum(counts.values()) - counts["All"]
    suspected = results.page(MODEL, "Suspected", 0)
    assert suspected.total == counts["Suspected"]
    assert {row["label"] for row in suspected.rows} == {"pneumonia"}
    assert {row["status"] for row in results.page(MODEL, "Refused", 0).rows} == {"refused"}


def test_a_row_opens_its_radiograph(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert models.is_dir()
    monkeypatch.setenv("PULMOSCAN_DECODING", "here")
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(encode(grey8(240, 250 + number, seed=number), "PNG"))
    store = Store(str(tmp_path / "out"))
    asked = archive.begin(archive.asked_for(str(folder), [MODEL], unit=1), store)
    archive.run(asked, store, Here(Screener(asked, store.where)))
    results = Results(store.where)
    for row in results.page(MODEL, "All", 0).rows:
        assert results.radiograph(row["ordinal"]).width == 250 + row["ordinal"]
    (folder / "1.png").unlink()
    with pytest.raises(RadiographError):
        results.radiograph(1)


def test_no_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotARun, match="no list of files"):
        Results(str(tmp_path))

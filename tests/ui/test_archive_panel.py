"""The page Batch lists what an archive's run found, and opens a row on its model's page."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from benchmarks.archive_paging import made_up_run
from pulmoscan.batch.archive import run as archive
from pulmoscan.batch.archive.paging import ROWS_A_PAGE
from pulmoscan.batch.archive.screening import Screener
from pulmoscan.batch.archive.store import Store
from pulmoscan.ui.batch import ARCHIVE
from tests.batch.archive.test_run import Here
from tests.pictures import encode, grey8
from tests.ui.app import click, open_page, text

pytest.importorskip("duckdb")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULMOSCAN_DECODING", "here")


def listed() -> AppTest:
    app = open_page("batch")
    app.segmented_control[0].set_value(ARCHIVE).run()
    assert not app.exception
    return app


def select(app: AppTest, row: int) -> AppTest:
    app.session_state["archive-table-resnet18-All-1"] = {"selection": {"rows": [row], "columns": [], "cells": []}}
    return app.run()


def test_it_is_offered_only_where_a_run_is_named() -> None:
    assert ARCHIVE not in open_page("batch").segmented_control[0].options


def test_pages_of_a_large_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULMOSCAN_ARCHIVE", made_up_run(str(tmp_path / "run"), 3 * ROWS_A_PAGE).where)
    app = listed()
    first = app.dataframe[0].value
    assert len(first) == ROWS_A_PAGE
    assert f"Rows 1 to {ROWS_A_PAGE} of {3 * ROWS_A_PAGE}" in text(app)
    app.number_input[0].set_value(3).run()
    last = app.dataframe[0].value
    assert set(first["file"]).isdisjoint(last["file"])
    assert list(last["decision"])[-1] == "refused"


@pytest.mark.usefixtures("here")
def test_a_row_opens_on_the_page_of_its_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.png").write_bytes(encode(grey8(260, 300, seed=1), "PNG"))
    store = Store(str(tmp_path / "out"))
    asked = archive.begin(archive.asked_for(str(folder), ["resnet18"], unit=1), store)
    archive.run(asked, store, Here(Screener(asked, store.where)))
    monkeypatch.setenv("PULMOSCAN_ARCHIVE", store.where)
    app = click(select(listed(), 0), "Open on the model's page")
    assert not app.exception
    assert app.title[0].value.startswith("ResNet-18")
    (folder / "a.png").unlink()
    app = click(select(listed(), 0), "Open on the model's page")
    assert "could not be read" in text(app)


def test_a_folder_that_holds_no_run_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULMOSCAN_ARCHIVE", str(tmp_path))
    assert "holds no run" in text(listed())

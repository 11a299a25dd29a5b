"""The acceptance page: limits beforehand, a table with faults, the report; and the batch's result without a model."""

from __future__ import annotations

import time

import pytest
from streamlit.testing.v1 import AppTest

from pulmoscan.ui.acceptance import AcceptanceTest
from tests.pictures import encode, grey8
from tests.ui.app import click, open_page, text

N = 8


@pytest.fixture
def files() -> list[tuple[str, bytes, str]]:
    return [(f"{n}.png", encode(grey8(230, 240, seed=n), "PNG"), "image/png") for n in range(N)]


def labels(*more: str) -> tuple[str, bytes, str]:
    rows = ["file,label", *(f"{n}.png,{n % 2}" for n in range(N)), *more]
    return ("labels.csv", "\n".join(rows).encode(), "text/csv")


def given(files: list[tuple[str, bytes, str]], table: tuple[str, bytes, str]) -> AppTest:
    app = open_page("acceptance")
    assert not app.exception
    assert "59, 149 or 299 pneumonias" in text(app)
    app.file_uploader[0].set_value(files)
    return app.file_uploader[1].set_value(table).run()


def finished(app: AppTest) -> AppTest:
    deadline = time.monotonic() + 120
    while app.session_state["acceptance"].job.running:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return app.run()


def test_from_limits_to_verdict(files: list[tuple[str, bytes, str]]) -> None:
    app = given(files, labels())
    next(box for box in app.checkbox if box.label == "AUC at least").check().run()
    assert "8 radiographs have a label" in text(app)
    app = finished(click(app, "Test the model"))
    assert not app.exception
    assert not [error for error in app.error if "limits" not in error.value]
    test: AcceptanceTest = app.session_state["acceptance"]
    assert test.done is not None
    assert [str(v.limit) for v in test.done.verdicts] == ["AUC at least 0.900"]
    assert test.done.verdict in text(app)
    assert "8 labelled files, 8 of them screened" in text(app)
    # What was stated stays: the fields are gone until a new test begins.
    assert not [box for box in app.checkbox if box.label == "AUC at least"]
    app = click(app, "Test again")
    assert "State the limits" in text(app)


def test_faults_are_listed_and_stop_the_test(files: list[tuple[str, bytes, str]]) -> None:
    app = given(files, labels("gone.png,1", "3.png,0"))
    faults = app.dataframe[0].value
    assert list(faults["row"]) == [10, 11]
    assert "Test the model" not in [button.label for button in app.button]
    next(box for box in app.checkbox if box.label.startswith("Go on without")).check().run()
    assert "Test the model" in [button.label for button in app.button]


def test_a_batch_that_was_screened_is_not_screened_again(
    files: list[tuple[str, bytes, str]], passes: list[str]
) -> None:
    app = open_page("batch")
    app.file_uploader[0].set_value(files).run()
    app = click(app, "Screen them")
    deadline = time.monotonic() + 120
    while app.session_state["batch"].running:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    app.run()
    app.switch_page("pages/acceptance.py").run()
    next(c for c in app.segmented_control if c.label == "Radiographs").set_value("The batch that was screened").run()
    app.file_uploader[0].set_value(labels()).run()
    before = len(passes)
    app = finished(click(app, "Test the model"))
    assert not app.exception
    assert len(app.session_state["acceptance"].cases) == N
    assert len(passes) == before

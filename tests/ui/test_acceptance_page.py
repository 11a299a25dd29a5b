"""The acceptance page: limits beforehand, a table with faults, the report; and the batch's result without a model."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pulmoscan.batch.outcomes import Outcome, screen_items
from pulmoscan.site import cases
from pulmoscan.site.cases import parse_journal
from pulmoscan.ui.state.acceptance import AcceptanceTest
from tests.pictures import encode, grey8
from tests.ui.app import click, finish_batch, handed_over, open_page, text

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
    while app.session_state["acceptance"].running:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return app.run()


def test_from_limits_to_verdict(files: list[tuple[str, bytes, str]]) -> None:
    app = given(files, labels())
    next(box for box in app.checkbox if box.label == "AUC at least").check().run()
    assert next(number for number in app.number_input if number.label.startswith("AUC")).value == 0.9
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
    app = finish_batch(click(app, "Screen them"))
    app.switch_page("pages/acceptance.py").run()
    next(c for c in app.segmented_control if c.label == "Radiographs").set_value("The batch that was screened").run()
    app.file_uploader[0].set_value(labels()).run()
    before = len(passes)
    app = finished(click(app, "Test the model"))
    assert not app.exception
    assert len(app.session_state["acceptance"].cases) == N
    assert len(passes) == before


def stopped(monkeypatch: pytest.MonkeyPatch, after: int) -> threading.Event:
    """Screening waits before the file of that number, until the event is set."""
    go_on, every = threading.Event(), screen_items

    def waiting(*args: Any, **options: Any) -> Iterator[Outcome]:
        for number, outcome in enumerate(every(*args, **options)):
            if number == after:
                assert go_on.wait(60)
            yield outcome

    monkeypatch.setattr(cases, "screen_items", waiting)
    return go_on


def cancelled(app: AppTest, go_on: threading.Event) -> AppTest:
    """Cancel, twice as hasty people do, while a file is being read."""
    test: AcceptanceTest = app.session_state["acceptance"]
    while test.left > N - 3:
        time.sleep(0.05)
    app = click(click(app, "Cancel"), "Cancel")
    go_on.set()
    return finished(app)


def test_two_models_on_the_same_cases(files: list[tuple[str, bytes, str]], passes: list[str]) -> None:
    app = given(files, labels())
    compare = next(box for box in app.selectbox if box.label == "Compare with")
    app = compare.set_value("resnet18").run()
    app = finished(click(app, "Test the model"))
    assert not app.exception
    test: AcceptanceTest = app.session_state["acceptance"]
    assert passes == ["densenet121"] * N + ["resnet18"] * N
    assert test.done is not None
    assert test.done.parity is not None
    assert (test.done.parity.before.model, test.done.parity.n) == ("resnet18", N)
    assert "Against resnet18" in text(app)


def test_stopped_saved_and_gone_on_with(
    files: list[tuple[str, bytes, str]], passes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = stopped(monkeypatch, 3)
    app = cancelled(click(given(files, labels()), "Test the model"), go_on)
    test: AcceptanceTest = app.session_state["acceptance"]
    done = N - test.left
    assert 0 < done < N
    # A part proves nothing, however good it looks.
    assert f"{done} of {N} are done. There are no figures" in text(app)
    assert "Report (PDF)" not in [button.label for button in app.button]
    ((name, journal),) = handed_over(click(app, "Save what is done"))
    assert name == "pulmoscan-acceptance-cases.jsonl"
    assert len(parse_journal(journal, name)[1]) == done
    # A second click on “Resume” starts nothing besides.
    test.start()
    first = test.job
    test.start()
    assert test.job is first
    app = finished(app)
    assert len(test.cases) == N
    assert "8 labelled files, 8 of them screened" in text(app)
    # In another session, as after a reload: what was saved is not read again.
    read = len(passes)
    app = given(files, labels())
    app = next(box for box in app.selectbox if box.label == "Compare with").set_value("An earlier run").run()
    assert next(button for button in app.button if button.label == "Test the model").disabled
    earlier = next(one for one in app.file_uploader if one.label.startswith("Its cases"))
    app = earlier.set_value((name, journal, "application/json")).run()
    app = finished(click(app, "Test the model"))
    assert len(passes) - read == N - done
    again: AcceptanceTest = app.session_state["acceptance"]
    assert again.done is not None
    assert again.done.parity is None
    assert [case.probability for case in again.cases] == [case.probability for case in test.cases]


def test_a_file_that_holds_no_run_is_told(files: list[tuple[str, bytes, str]]) -> None:
    app = given(files, labels())
    app = next(box for box in app.selectbox if box.label == "Compare with").set_value("An earlier run").run()
    earlier = next(one for one in app.file_uploader if one.label.startswith("Its cases"))
    app = earlier.set_value(("labels.json", b"{}", "application/json")).run()
    assert "labels.json is no journal of cases" in text(app)

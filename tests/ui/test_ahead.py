"""What is done while the page is drawn or the user is asked: once, and seen by nobody before its time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from pulmoscan.errors import RefusedByGate
from pulmoscan.examination.lungs import ChestView, LungReader
from pulmoscan.models.classifier import Classifier, Forward
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.screening import load_model
from pulmoscan.ui.state import history, session
from tests.chest_views import chest_view
from tests.pictures import encode, grey8
from tests.ui.app import click, decision, open_page, text, upload

PNG = encode(grey8(280, 320, seed=5), "PNG")


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_model_reads_while_the_page_asks(passes: list[str]) -> None:
    app = upload(open_page("resnet18"), PNG, patient=None)
    assert "Child or adult?" in text(app)
    wait_until(lambda: bool(passes))
    assert not decision(app)
    assert "history" not in app.session_state, "nobody has seen it yet"
    assert decision(click(app, "Child"))
    assert passes == ["resnet18"]
    assert len(app.session_state["history"]) == 1
    assert len(app.run().session_state["history"]) == 1


def test_what_another_page_has_read_is_not_recorded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded: list[str] = []
    monkeypatch.setattr(history, "record", lambda name, *_: recorded.append(name))
    model, radiograph = load_model("resnet18"), load_radiograph(PNG, "one")
    first = session.Chosen(radiograph, "Uploaded.")
    reading = first.reading(model)
    assert first.reading(model) is reading
    assert recorded == ["one"]
    of_a_batch = session.Chosen(radiograph, "From a batch.", {session.found_by(reading): reading})
    assert of_a_batch.reading(model) is reading
    assert recorded == ["one"]


def test_whoever_asks_before_it_is_done_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, may_end, passes = threading.Event(), threading.Event(), []
    forward = Classifier.forward

    def slow(self: Classifier, x: NDArray[np.float32]) -> Forward:
        passes.append(self.spec.name)
        begun.set()
        assert may_end.wait(60)
        return forward(self, x)

    monkeypatch.setattr(Classifier, "forward", slow)
    app = upload(open_page("resnet18"), PNG, patient=None)
    assert begun.wait(60)
    threading.Timer(0.2, may_end.set).start()
    assert decision(click(app, "Child"))
    assert passes == ["resnet18"]


def test_refused_pictures_are_not_read(monkeypatch: pytest.MonkeyPatch, passes: list[str]) -> None:
    monkeypatch.setattr(LungReader, "look", lambda *_: chest_view(chest=0.01))
    app = upload(open_page("resnet18"), PNG, patient=None)
    chosen = app.session_state["chosen"]
    with pytest.raises(RefusedByGate):
        chosen.reading(load_model("resnet18"))
    chosen.read_ahead(load_model("resnet18"))
    time.sleep(0.2)
    assert passes == []


def test_what_goes_wrong_ahead_is_told_by_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []

    def fail(*_: object) -> ChestView:
        threads.append(threading.current_thread().name)
        raise RuntimeError("internals")

    monkeypatch.setattr(LungReader, "look", fail)
    app = upload(open_page("resnet18"), PNG)
    assert session.AHEAD in threads
    assert not app.exception
    assert app.error
    assert "internals" not in text(app)

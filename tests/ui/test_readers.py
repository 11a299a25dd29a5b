"""The pages for readers, used by hasty and by careless people: pressed twice, one name for two, nothing to show."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pulmoscan.batch.outcomes import load
from pulmoscan.errors import DamagedImage
from pulmoscan.reading.intake import Item
from pulmoscan.site.readers import Study
from pulmoscan.ui import blind_reading, sample, second_reader
from pulmoscan.ui.blind_reading import Reading
from pulmoscan.ui.second_reader import Session
from pulmoscan.ui.state import seen
from tests.pictures import encode, grey8
from tests.ui.app import click, handed_over, open_page, text

N = 4
Files = list[tuple[str, bytes, str]]


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def look(self) -> None:
        self.now += 1.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(seen, "time", found)
    return found


@pytest.fixture
def files() -> Files:
    return [(f"{n}.png", encode(grey8(230, 240, seed=n), "PNG"), "image/png") for n in range(N)]


def drawn(page: str, files: Files) -> AppTest:
    app = open_page(page)
    app.file_uploader[0].set_value(files).run()
    return click(app, "Draw a sample")


def as_reader(app: AppTest, name: str) -> AppTest:
    next(field for field in app.text_input if field.label == "Reader").set_value(name)
    return click(app, "Read")


# Blind reading


def test_a_key_that_is_pressed_twice_answers_one_picture(files: Files, clock: Clock) -> None:
    app = as_reader(drawn("blind_reading", files), "Ann")
    reading: Reading = app.session_state["blind-reading"]
    clock.look()
    app = click(click(app, "Pneumonia"), "Pneumonia")
    assert len(reading.study.calls["Ann"]) == 1
    clock.look()
    # A late press on a button of the picture before changes nothing.
    (before,) = reading.study.calls["Ann"]
    reading.give("Ann", before, 0)
    assert reading.study.calls["Ann"] == {before: 1}
    (position,) = {n for n in range(N) if reading.seen.what == ("Ann", n)}
    click(app, "Back")
    reading.back("Ann", position)
    assert reading.study.calls["Ann"] == {}


def test_two_people_of_one_name(files: Files, clock: Clock) -> None:
    app = as_reader(drawn("blind_reading", files), "Ann")
    clock.look()
    app = click(click(app, "None"), "Pause")
    app = as_reader(app, " ANN")
    assert "There is a reader Ann already" in text(app)
    assert f"Ann: {N - 1} left" in text(app)
    app = click(app, "Go on as Ann")
    assert f"Ann: 2 of {N}" in next(iter(app.get("progress"))).proto.text


def test_a_sample_of_which_nothing_can_be_shown() -> None:
    app = drawn("blind_reading", [("broken.png", b"\x89PNG not much", "image/png")])
    assert not app.exception
    assert "None of the radiographs that were drawn can be shown." in text(app)
    assert "Draw a sample" in [button.label for button in app.button]


def test_what_cannot_be_shown_is_left_out_and_listed(files: Files) -> None:
    app = drawn("blind_reading", [*files, ("broken.png", b"\x89PNG not much", "image/png")])
    assert f"A sample of **{N}** radiographs" in text(app)
    assert [len(frame.value) for frame in app.dataframe] == [1]


def test_a_decoder_that_dies_stops_no_reader(files: Files, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    app = as_reader(drawn("blind_reading", files), "Ann")
    reading: Reading = app.session_state["blind-reading"]
    clock.look()
    monkeypatch.setattr(sample, "load", failing)
    app = click(app, "Pneumonia")
    assert "This radiograph cannot be shown" in text(app)
    clock.look()
    app = click(app, "Pneumonia")
    assert len(reading.study.calls["Ann"]) == 1  # no call of what nobody saw
    monkeypatch.setattr(sample, "load", load)
    assert "cannot be shown" not in text(click(app, "Try again"))
    monkeypatch.setattr(sample, "load", failing)
    app.run()
    monkeypatch.setattr(sample, "load", load)
    app = click(app, "Leave it out")
    assert len(reading.study.left_out) == 1
    assert f"Ann: 2 of {N - 1}" in next(iter(app.get("progress"))).proto.text


def failing(_: Item) -> Any:
    raise DamagedImage


def test_saved_in_the_middle_and_gone_on_with(files: Files, clock: Clock) -> None:
    app = as_reader(drawn("blind_reading", files), "Ann")
    clock.look()
    app = click(click(app, "Pneumonia"), "Pause")
    ((name, saved),) = handed_over(click(app, "Calls so far (JSON)"))
    before: Reading = app.session_state["blind-reading"]
    # The page is loaded anew.
    app = open_page("blind_reading")
    app.file_uploader[1].set_value((name, saved, "application/json")).run()
    app.file_uploader[0].set_value(files[1:]).run()
    app = click(app, "Go on")
    assert "1 of the 4 radiographs of that sample are not among the files" in text(app)
    app.file_uploader[0].set_value(list(reversed(files))).run()
    app = click(click(app, "Go on"), "Go on as Ann")
    after: Reading = app.session_state["blind-reading"]
    assert after.study.calls == before.study.calls
    assert [item.name for item in after.items] == [item.name for item in before.items]
    assert f"Ann: 2 of {N}" in next(iter(app.get("progress"))).proto.text


def test_settling_is_no_faster_than_looking(clock: Clock) -> None:
    study = Study(["a.png", "b.png"], 1, {"Ann": {0: 1, 1: 1}, "Bob": {0: 0, 1: 0}})
    reading = Reading([], study)
    reading.seen.show((blind_reading.SETTLING, 0))
    clock.look()
    reading.settle(0, 1)
    reading.settle(1, 1)  # the next one, which is not in view yet
    assert study.adjudicated == {0: 1}
    reading.unsettle()
    reading.unsettle()
    assert study.adjudicated == {}


# Second reader


def test_a_second_press_settles_no_answer_that_nobody_saw(files: Files, clock: Clock) -> None:
    app = drawn("second_reader", files)
    session: Session = app.session_state["second-reader"]
    clock.look()
    app = click(app, "Pneumonia")
    assert session.first == 1
    app = click(app, "Pneumonia")
    assert session.pairs == []
    clock.look()
    app = click(click(app, "None"), "None")
    assert [(pair.first, pair.final) for pair in session.pairs] == [(1, 0)]
    assert session.first is None


def test_who_stops_keeps_what_was_read_and_cannot_call_anew(files: Files, clock: Clock) -> None:
    app = drawn("second_reader", files)
    session: Session = app.session_state["second-reader"]
    for _ in range(3):
        clock.look()
        app = click(app, "Pneumonia")
    assert (len(session.pairs), session.first) == (1, 1)
    app = click(app, "Stop here")
    assert "1 radiographs read" in app.success[0].value
    ((_, log),) = handed_over(click(app, "Log (CSV)"))
    assert log.count(b"\n") == 2
    app = click(app, f"Go on at 2 of {N}")
    assert "The model says" in text(app)  # the first call stands


def test_skipping_twice_skips_one(files: Files, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    app = drawn("second_reader", files)
    session: Session = app.session_state["second-reader"]
    item = session.item
    assert item is not None
    session.skip(item, "gone")
    session.skip(item, "gone")
    assert len(session.skipped) == 1
    assert clock.now
    monkeypatch.setattr(second_reader, "load", failing)
    monkeypatch.setattr(sample, "load", failing)
    app = app.run()
    assert "Try again" in [button.label for button in app.button]
    click(app, "Next")
    assert len(session.skipped) == 2


def test_another_model_is_asked_anew(files: Files, clock: Clock, passes: list[str]) -> None:
    app = open_page("second_reader")
    for model in ("resnet18", "resnet50"):
        next(box for box in app.selectbox if box.label == "Model").set_value(model)
        app.file_uploader[0].set_value(files[:1]).run()
        app = click(app, "Draw a sample")
        for _ in range(2):
            clock.look()
            app = click(app, "Pneumonia")
        app = click(app, "Read others")
    assert passes == ["resnet18", "resnet50"]

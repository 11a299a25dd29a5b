"""The batch page from upload to worklist, and the session's history."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from typing import Any

import pypdfium2
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from pulmoscan.batch.outcomes import load, screen_items, urgency
from pulmoscan.errors import BatchTooLarge, PulmoScanError
from pulmoscan.models.card import read_card
from pulmoscan.models.registry import get_spec
from pulmoscan.reading.intake import Item, upload_items
from pulmoscan.screening import read
from pulmoscan.ui import batch as batch_ui
from pulmoscan.ui.batch import Batch, take_in
from pulmoscan.ui.panels.marks import Mark
from tests.pictures import encode, grey8
from tests.ui.app import click, decision, finish_batch, go_to, handed_over, open_page, panes, text

MODEL = "resnet18"
PATIENCE = 60.0


def png(seed: int, height: int = 260, width: int = 300) -> bytes:
    return encode(grey8(height, width, seed=seed), "PNG")


@pytest.fixture(scope="module")
def uploads() -> list[tuple[str, bytes]]:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("ward/three.png", png(3))
        archive.writestr("ward/one again.png", png(1))
    return [
        ("one.png", png(1)),
        ("two.png", png(2)),
        ("all.zip", stream.getvalue()),
        ("blank.png", encode(Image.new("L", (300, 300), 7), "PNG")),
        ("broken.jpg", b"\xff\xd8 not much"),
    ]


def screened(uploads: list[tuple[str, bytes]]) -> AppTest:
    """The page after a batch has run, as the button starts it."""
    app = open_page("batch")
    app.selectbox[0].set_value(MODEL).run()
    app.file_uploader[0].set_value([(name, data, "application/octet-stream") for name, data in uploads]).run()
    click(app, "Screen them")
    return finish_batch(app)


def answered(app: AppTest, population: str) -> AppTest:
    """Say whom the files without an age show."""
    return next(c for c in app.segmented_control if "do not tell the age" in c.label).set_value(population).run()


@pytest.fixture
def app(uploads: list[tuple[str, bytes]]) -> AppTest:
    return screened(uploads)


def table(app: AppTest) -> Any:
    return app.dataframe[0].value


def control(app: AppTest, label: str) -> Any:
    return next(c for c in app.segmented_control if c.label == label)


def test_worklist_is_sorted_by_urgency_and_complete(app: AppTest) -> None:
    assert not app.exception
    assert not app.error
    batch: Batch = app.session_state["batch"]
    rows = table(app)
    assert sorted(rows["file"]) == ["all.zip/ward/one again.png", "all.zip/ward/three.png", "one.png", "two.png"]
    expected = sorted((o for o in batch.outcomes.values() if o.screening), key=urgency)
    assert sorted(round(p, 2) for p in rows["probability"])[::-1] == [round(p, 2) for p in rows["probability"]]
    assert {o.file for o in expected} == set(rows["file"])
    assert "**4** screened" in text(app)
    assert "1 of them the same file twice" in text(app)
    assert "The very same file as one.png." in rows.set_index("file").loc["all.zip/ward/one again.png", "warnings"]


def test_probabilities_are_those_of_each_radiograph_alone(app: AppTest, uploads: list[tuple[str, bytes]]) -> None:
    rows = table(app).set_index("file")
    for name, data in uploads[:2]:
        (item,) = upload_items(name, data)
        assert rows.loc[name, "probability"] == read(load(item), MODEL).probability


def test_refused_and_failed_files_are_listed_with_reasons(app: AppTest) -> None:
    unread = app.dataframe[1].value.set_index("file")
    assert unread.loc["blank.png", "what"] == "refused"
    assert "same value" in unread.loc["blank.png", "reason"]
    assert unread.loc["broken.jpg", "what"] == "failed"


def test_memory_holds_no_pixels(app: AppTest) -> None:
    assert all(outcome.radiograph is None for outcome in app.session_state["batch"].outcomes.values())


def test_filters(app: AppTest) -> None:
    answered(app, "child")
    app.text_input[0].set_value("WARD").run()
    assert set(table(app)["file"]) == {"all.zip/ward/one again.png", "all.zip/ward/three.png"}
    app.text_input[0].set_value("").run()
    everything = table(app)
    middle = float(sorted(everything["probability"])[1])
    next(s for s in app.slider if s.label == "Score at least").set_value(round(middle, 2)).run()
    assert (table(app)["probability"] >= round(middle, 2)).all()
    next(s for s in app.slider if s.label == "Score at least").set_value(0.0).run()
    shown = 0
    for kind, word in (("Suspected", "suspected"), ("No sign", "no sign")):
        control(app, "Show").set_value(kind).run()
        assert set(table(app)["decision"]) <= {word}
        shown += len(table(app))
    assert shown == len(everything)


def test_another_population_decides_anew_without_a_model(app: AppTest, passes: list[str]) -> None:
    assert set(table(app)["decision"]) == {"child or adult?"}, "no decision before it is known whom they show"
    answered(app, "adult")
    card = read_card(get_spec(MODEL))
    rows = table(app)
    assert set(rows["threshold"]) == {card.thresholds["adult"]}
    suspected = rows["probability"] >= card.thresholds["adult"]
    assert ((rows["decision"] == "suspected") == suspected).all()
    assert passes == []


def test_a_row_opens_the_full_view_without_a_model(app: AppTest, passes: list[str]) -> None:
    answered(app, "child")
    file = table(app)["file"][0]
    app.session_state[app.dataframe[0].key or ""] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    app.run()
    assert not app.exception
    assert decision(app)
    assert len(panes(app)) == 2
    assert file.replace("_", "\\_") in "".join(str(heading.value) for heading in app.subheader)
    assert passes == []


def test_marks_go_into_the_results_and_to_the_threshold_lab(app: AppTest) -> None:
    answered(app, "child")
    batch = app.session_state["batch"]
    rows = [position for position, outcome in batch.outcomes.items() if outcome.screening]
    app.session_state[app.dataframe[0].key or ""] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    control(app.run(), "Mark").set_value("disagree").run()
    control(app, "I read it as").set_value("pneumonia").run()
    next(t for t in app.text_input if t.label == "Note").set_value("=look again").run()
    (first,) = batch.marks
    assert batch.marks[first] == Mark("disagree", "pneumonia", "=look again")
    click(app, "Next")
    control(app, "I read it as").set_value("normal").run()
    assert len(batch.marks) == 2
    assert control(app, "Mark").value is None, "each row has its own"
    click(app, "Results (CSV)")
    ((_, content),) = handed_over(app)
    marked = [row for row in csv.DictReader(io.StringIO(content.decode())) if row["reader_label"]]
    assert {row["reader_label"] for row in marked} == {"pneumonia", "normal"}
    assert {row["reader_mark"] for row in marked} == {"disagree", ""}
    assert "'=look again" in {row["reader_note"] for row in marked}
    scores = app.session_state["reader_scores"]
    assert sorted([*scores.normal, *scores.pneumonia]) == sorted(
        batch.outcomes[position].screening.reading.probability for position in batch.marks
    )
    assert set(batch.thumbnails) == set(rows)


def test_clearing_forgets_everything(app: AppTest) -> None:
    click(app, "Clear and choose others")
    assert app.session_state["batch"] is None
    assert "Choose radiographs: the most suspicious" in app.info[0].value


def test_cancelled_batch_keeps_what_is_done_and_goes_on(
    uploads: list[tuple[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def only_two(items: list[Item], *arguments: Any) -> Iterator[Any]:
        yield from screen_items(items[:2], *arguments)
        raise PulmoScanError("Somebody pulled the plug.")

    monkeypatch.setattr("pulmoscan.ui.batch.screen_items", only_two)
    app = screened(uploads)
    assert "Somebody pulled the plug" in app.error[0].value
    assert "**4 not done yet**" in text(app)
    before = dict(app.session_state["batch"].outcomes)
    assert len(before) == 2
    monkeypatch.setattr("pulmoscan.ui.batch.screen_items", screen_items)
    click(app, "Resume")
    finish_batch(app)
    assert "not done yet" not in text(app)
    after = app.session_state["batch"].outcomes
    assert len(after) == 6
    assert all(after[i] is outcome for i, outcome in before.items()), "nothing is done twice"


def test_overlays_and_reports_are_made_on_request(app: AppTest, passes: list[str]) -> None:
    exported = {}
    for kind in ("zip", "PDF"):
        click(app, f"Make a {kind} of 4")
        making = app.session_state["batch"].exports[kind]
        making.job.wait(PATIENCE)
        app.run()
        assert not app.exception
        assert not app.error
        exported[kind] = making.target.getvalue()
    with zipfile.ZipFile(io.BytesIO(exported["zip"])) as archive:
        assert len([name for name in archive.namelist() if name.endswith(".jpg")]) == 4
    assert len(pypdfium2.PdfDocument(exported["PDF"])) == 5, "a summary and four reports"
    assert passes == []


def test_results_leave_as_csv_with_names_and_without(app: AppTest) -> None:
    click(app, "Results (CSV)")
    ((name, named),) = handed_over(app)
    assert name == "pulmoscan-batch.csv"
    assert len(named.splitlines()) == 7
    next(box for box in app.checkbox if box.label == "Without names").check().run()
    click(app, "Results (CSV)")
    ((_, neutral),) = handed_over(app)
    assert [line.split(b",")[0] for line in neutral.splitlines()[1:]] == [b"radiograph-%04d" % n for n in range(1, 7)]


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_ui, "MAX_FILES", 2)
    with pytest.raises(BatchTooLarge, match="more than 2 files"):
        take_in([(f"{i}.png", b"") for i in range(3)])
    monkeypatch.setattr(batch_ui, "MAX_UPLOAD_BYTES", 10)
    with pytest.raises(BatchTooLarge, match="GB together"):
        take_in([("a.png", bytes(11))])


# History


def test_history_lists_what_was_screened_until_it_is_cleared() -> None:
    app = open_page("history")
    assert "Nothing was screened yet" in app.info[0].value
    click(go_to(app, MODEL), "First")
    click(app, "Second")
    go_to(app, "resnet50")
    rows = table(go_to(app, "history"))
    assert rows["file"].tolist() == ["Second", "Second", "First"], "the newest first"
    assert rows["model"].tolist() == ["ResNet-50", "ResNet-18", "ResNet-18"]
    assert rows["picture"].str.startswith("data:image/jpeg").all()
    go_to(app, MODEL)
    assert len(table(go_to(app, "history"))) == 3, "looking again is no new reading"
    ((name, content),) = handed_over(click(app, "Export (CSV)"))
    assert name == "pulmoscan-history.csv"
    assert [line.split(",")[0] for line in content.decode().splitlines()] == ["file", "Second", "Second", "First"]
    click(app, "Clear")
    assert "Nothing was screened yet" in app.info[0].value


def test_history_lists_a_batch(app: AppTest) -> None:
    rows = table(go_to(app, "history"))
    assert sorted(rows["file"]) == ["all.zip/ward/one again.png", "all.zip/ward/three.png", "one.png", "two.png"]


def test_history_of_another_session_is_its_own(app: AppTest) -> None:
    assert len(table(go_to(app, "history"))) == 4
    assert "Nothing was screened yet" in open_page("history").info[0].value


def test_history_opens_what_the_session_still_holds() -> None:
    app = click(click(open_page(MODEL), "First"), "Second")
    go_to(app, "history")
    app.session_state["history-table"] = {"selection": {"rows": [1], "columns": [], "cells": []}}
    click(app.run(), "Open it again")
    assert decision(app)
    assert "**First**" in text(app)
    click(go_to(app, MODEL), "Remove")
    go_to(app, "history")
    app.session_state["history-table"] = {"selection": {"rows": [1], "columns": [], "cells": []}}
    assert "no longer holds this radiograph" in text(app.run()), "what was removed is gone"

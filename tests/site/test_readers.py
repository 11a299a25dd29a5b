"""Readers: samples, agreement, adjudication, and what a second reader adds."""

from __future__ import annotations

import pytest

from pulmoscan.errors import NoStudy
from pulmoscan.site.labels import read_labels
from pulmoscan.site.readers import Pair, Study, draw, gain, pairs_table, read_study


def test_a_sample_is_random_without_repetition_and_the_same_again() -> None:
    drawn = draw([""] * 100, 30, seed=1)
    assert len(set(drawn)) == 30
    assert drawn == draw([""] * 100, 30, seed=1)
    assert drawn != draw([""] * 100, 30, seed=2)
    assert sorted(draw(["a"] * 4, 10, seed=1)) == [0, 1, 2, 3]


def test_strata_are_drawn_evenly_as_long_as_they_last() -> None:
    strata = ["common"] * 90 + ["rare"] * 5
    drawn = draw(strata, 20, seed=3)
    assert sum(strata[n] == "rare" for n in drawn) == 5
    assert sum(strata[n] == "rare" for n in draw(strata, 8, seed=3)) == 4


@pytest.fixture
def study() -> Study:
    study = Study(["a.png", "b.png", "c.png", "d.png"], seed=5)
    for n, call in enumerate((1, 1, 0, 0)):
        study.give("Ann", n, call)
    for n, call in enumerate((1, 0, 0)):
        study.give("Bob", n, call)
    return study


def test_each_reader_has_an_order_of_their_own() -> None:
    study = Study([str(n) for n in range(40)], seed=5)
    assert study.order("Ann") != study.order("Bob")
    assert sorted(study.order("Ann")) == list(range(40))
    first = study.next("Ann")
    assert first == study.order("Ann")[0]
    study.give("Ann", first, 1)
    assert study.next("Ann") == study.order("Ann")[1]
    assert study.next("Bob") == study.order("Bob")[0]
    study.take_back("Ann")
    assert study.next("Ann") == first


def test_agreement_and_adjudication(study: Study) -> None:
    [(first, second, kappa)] = study.kappas
    assert (first, second, kappa.n) == ("Ann", "Bob", 3)
    assert kappa.estimate == pytest.approx(0.4)  # 2 of 3 alike, 4/9 by chance
    assert study.disagreements == study.open == [1]
    assert study.labels == {0: 1, 2: 0, 3: 0}
    study.adjudicated[1] = 1
    assert study.open == []
    assert study.labels == {0: 1, 1: 1, 2: 0, 3: 0}


def test_labels_are_a_table_that_accept_takes(study: Study) -> None:
    study.adjudicated[1] = 0
    table = read_labels(study.table().encode())
    assert not table.faults
    assert [(label.file, label.label) for label in table.labels] == [
        ("a.png", 1),
        ("b.png", 0),
        ("c.png", 0),
        ("d.png", 0),
    ]
    assert "reader Ann,reader Bob" in study.table()


def test_a_name_is_one_readers_however_it_is_spelt(study: Study) -> None:
    assert study.known(" ann ") == study.known("ANN") == study.known("Ａnn") == "Ann"
    assert study.known("Anna") is None


def test_what_was_settled_holds_only_while_readers_differ(study: Study) -> None:
    study.adjudicated[1] = 1
    study.give("Ann", 1, 0)  # she has gone back
    assert study.labels[1] == 0


def test_what_cannot_be_shown_is_left_out_for_all(study: Study) -> None:
    study.leave_out(3)
    assert (study.left("Ann"), study.left("Bob"), study.left("Eve")) == (0, 0, 3)
    assert study.next("Bob") is None
    assert 3 not in study.labels
    assert 3 not in study.calls["Ann"]


def test_saved_and_gone_on_with(study: Study) -> None:
    study.adjudicated[1] = 1
    study.leave_out(2)
    again = read_study(study.saved())
    assert vars(again) == vars(study) | {"files": tuple(study.files)}
    assert again.order("Bob") == study.order("Bob")
    again.take_back("Ann")
    assert list(again.calls["Ann"]) == list(study.calls["Ann"])[:-1]  # the last is the one that was given last


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"file,label",
        b'{"files": ["a"], "seed": 1, "calls": {"Ann": [[1, 0]]}, "adjudicated": [], "left_out": []}',
        b'{"files": ["a"], "seed": 1, "calls": {"Ann": [[0, 7]]}, "adjudicated": [], "left_out": []}',
    ],
)
def test_what_holds_no_calls_is_told(data: bytes) -> None:
    with pytest.raises(NoStudy):
        read_study(data)


def _pair(file: str, first: int, model: int, final: int) -> Pair:
    return Pair(file, "Ann", first, model, 0.5, 0.4, final)


def test_what_the_pair_gains_and_costs() -> None:
    pairs = [
        _pair("ill found by both", 1, 1, 1),
        _pair("ill gained", 0, 1, 1),
        _pair("ill lost", 1, 0, 0),
        _pair("ill missed", 0, 0, 0),
        _pair("well cleared", 1, 0, 0),
        _pair("well alarmed", 0, 1, 1),
        _pair("well right", 0, 1, 0),
        _pair("no label", 1, 1, 1),
    ]
    labels = {pair.file: int(pair.file.startswith("ill")) for pair in pairs if pair.file != "no label"}
    found = gain(pairs, labels)
    assert found is not None
    assert (found.n, found.found, found.lost, found.alarms, found.cleared) == (7, 1, 1, 1, 1)
    assert [side.sensitivity.estimate for side in found.sides] == [0.5, 0.5, 0.5]
    assert [round(side.specificity.estimate, 3) for side in found.sides] == [0.667, 0.333, 0.667]
    assert (found.ill.first, found.ill.second, found.ill.p) == (1, 1, 1.0)
    assert gain(pairs, {}) is None


def test_the_log_defuses_formulas() -> None:
    assert "'=evil" in pairs_table([_pair("=evil", 1, 1, 1)])

"""Several visitors at once are each told what they are told alone, by the real server over its real protocol."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import load
from benchmarks.browser_session import BrowserSession

VISITORS = 4
pytestmark = pytest.mark.load


def test_visitors_at_once(models: Path) -> None:
    with load.running_app({"PULMOSCAN_WEIGHTS": str(models)}) as server:
        expected = load.serial_answers(server, VISITORS)
        assert len({answer.pictures for answer in expected.values()}) == VISITORS
        result = load.visit(server, VISITORS, VISITORS, 2, expected)
    assert result.failed == []
    assert result.wrong == 0
    assert len(result.seconds) == len(result.drags) == 2 * VISITORS


def test_a_wrong_answer_is_noticed(models: Path) -> None:
    with load.running_app({"PULMOSCAN_WEIGHTS": str(models)}) as server:
        expected = {0: load.Answer("0.999", "0.5", ())}
        assert load.visit(server, 1, 1, 1, expected).wrong == 1
        with BrowserSession(server.address) as visitor:
            run = visitor.open("resnet18")
            with pytest.raises(RuntimeError, match="no result"):
                load.settled(run)


def test_every_visitor_has_a_picture_of_their_own() -> None:
    assert len(set(load.pictures(20))) == 20

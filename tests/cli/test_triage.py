"""`triage`: bounds, what they do on the test split, the simulation's table."""

import re

import pytest

from pulmoscan import cli

pytestmark = pytest.mark.usefixtures("models")


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["triage", "--model", "resnet18", "--miss-rate", "5%", "--simulate", "20"]) == 0
    said = capsys.readouterr().out
    assert "resnet18 · children · at most 5.0% missed" in said
    assert "chosen on validation, each patient once: 350 with pneumonia, 200 without" in said
    zones = re.findall(r"^    (?:rule out|uncertain|rule in) +[\d.]+% +(\d+) with, +(\d+) without", said, re.MULTILINE)
    assert [sum(int(zone[i]) for zone in zones[:3]) for i in (0, 1)] == [350, 200]
    assert len(re.findall(r"^ +\d+ +\d+ +\d\.\d\d ", said, re.MULTILINE)) == 7


def test_too_few(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["triage", "--miss-rate", "0.005"]) == 0
    assert (
        "rule out below: never. Too few pneumonias to promise this: 350 are there, 248 more" in capsys.readouterr().out
    )


@pytest.mark.parametrize("wrong", ["0", "150%"])
def test_a_promise_that_is_none(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["triage", "--miss-rate", wrong]) == 1
    assert "Give one between 0 and 1" in capsys.readouterr().err

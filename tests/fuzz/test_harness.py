"""The fuzzing harness itself, and a few inputs of every kind; `make fuzz` runs many."""

from __future__ import annotations

import pickle
import random
from pathlib import Path

import pytest

from tests.fuzz.__main__ import attempt
from tests.fuzz.mutations import mutate
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import SHARES, TARGETS


class Panic(BaseException):
    """As a decoder in Rust raises."""


@pytest.mark.parametrize(("raised", "told"), [(KeyError("x"), "png: KeyError"), (Panic(), "png: Panic, which nothing")])
def test_what_goes_wrong_is_told_and_its_input_kept(tmp_path: Path, raised: BaseException, told: str) -> None:
    def target(_: bytes) -> None:
        raise raised

    assert attempt(tmp_path, "png", b"spoilt", {"png": target}).startswith(told)
    assert pickle.loads((tmp_path / "input").read_bytes()) == ("png", b"spoilt")
    assert attempt(tmp_path, "png", b"sound", {"png": lambda _: None}) == ""


@pytest.mark.filterwarnings("ignore")
def test_a_few_inputs_of_every_kind_do_no_harm(tmp_path: Path) -> None:
    stock = seeds(tmp_path / "seeds")
    assert stock.keys() == SHARES.keys() == TARGETS.keys()
    rng, changed = random.Random(0), 0
    for kind, files in stock.items():
        for _ in range(3 if kind == "export" else 25):
            sound = rng.choice(files)
            spoilt = mutate(sound, kind, rng, files)
            changed += spoilt != sound
            assert attempt(tmp_path, kind, spoilt) == ""
    assert changed > 200

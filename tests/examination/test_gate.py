"""What the gate lets through, and what it says of the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pulmoscan.examination import collage, gate
from pulmoscan.examination.gate import Correction, check
from tests.chest_views import chest_view, two_lungs
from tests.pictures import chest

LIMITS = {
    "chest": 0.5,
    "side": 0.5,
    "mahalanobis": 3.0,
    "turned": 0.5,
    "inverted": 0.5,
    "whole": 0.5,
    "smallest_area": 0.15,
    "largest_area": 0.8,
    "smaller_lung": 0.28,
}


def turned(turns: int) -> np.ndarray:
    """Sure of that many quarter turns counter-clockwise."""
    return np.eye(4, dtype=np.float32)[turns]


def test_limits_are_those_that_a_card_holds() -> None:
    assert set(LIMITS) == set(gate.LIMITS)


def test_upright_chest_passes() -> None:
    assert check(chest_view(), LIMITS) is None


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"chest": 0.49}, "not a chest"),
        ({"side": 0.6}, "side view"),
        ({"side": 0.6, "chest": 0.1, "turns": turned(1)}, "side view"),  # whatever else it is
        ({"mahalanobis": 3.1}, "not a chest"),
        ({"lungs": np.zeros((224, 224), np.float32)}, "not a chest"),
        ({"lungs": np.ones((224, 224), np.float32)}, "not a chest"),
        ({"whole": 0.4}, "part of a chest"),
        ({"lungs": two_lungs(60, 60)}, "not a chest"),  # one lung alone is too small
        ({"turns": turned(1)}, "turned"),
        ({"inverted": 0.9}, "inverted"),
        ({"inverted": 0.9, "turns": turned(2)}, "turned"),
        ({"chest": 0.1, "inverted": 0.9}, "not a chest"),  # an inverted photograph is none either
    ],
)
def test_refusals(changes: dict[str, Any], kind: str) -> None:
    refusal = check(chest_view(**changes), LIMITS)
    assert refusal
    assert refusal.kind == kind
    assert (refusal.correction is not None) == (kind in ("turned", "inverted"))
    assert refusal.finding.endswith(".")
    assert refusal.advice.endswith(".")


def test_side_view_is_named_with_what_to_do() -> None:
    refusal = check(chest_view(side=0.99), LIMITS)
    assert refusal
    assert refusal.finding.startswith("This looks like a side view of the chest")
    assert "frontal view (PA or AP)" in refusal.advice
    assert refusal.correction is None


def test_lopsided_lungs_are_a_part_of_a_chest() -> None:
    lungs = two_lungs()
    lungs[60:, :112] = 0
    refusal = check(chest_view(lungs=lungs), LIMITS)
    assert refusal
    assert refusal.kind == "part of a chest"


def test_colour_is_refused_whatever_the_network_says() -> None:
    assert check(chest_view(), LIMITS, chroma=gate.LARGEST_CHROMA) is None
    refusal = check(chest_view(), LIMITS, chroma=gate.LARGEST_CHROMA + 0.01)
    assert refusal
    assert refusal.kind == "in colour"


@pytest.mark.parametrize(
    ("turns", "words", "done"),
    [
        (1, "turned by 90° to the left", "turned by 90° to the right"),
        (2, "upside down", "turned by 180°"),
        (3, "turned by 90° to the right", "turned by 90° to the left"),
    ],
)
@pytest.mark.parametrize("inverted", [False, True])
def test_correction_undoes_what_was_done(turns: int, words: str, done: str, inverted: bool) -> None:
    original = np.random.default_rng(0).random((30, 40), np.float32)
    spoilt = np.rot90(1 - original if inverted else original, turns)
    refusal = check(chest_view(turns=turned(turns), inverted=float(inverted)), LIMITS)
    assert refusal
    assert words in refusal.finding
    assert ("bone dark on white" in refusal.finding) == inverted
    assert refusal.correction
    assert refusal.correction.done == (f"{done} and inverted" if inverted else done)
    np.testing.assert_allclose(refusal.correction.apply(np.ascontiguousarray(spoilt)), original, atol=1e-6)


def test_inversion_alone() -> None:
    refusal = check(chest_view(inverted=0.99), LIMITS)
    assert refusal
    assert refusal.correction == Correction(0, True)
    assert refusal.correction.done == "inverted"
    assert refusal.message == "This radiograph looks inverted: bone dark on white. Invert its grey values."


@pytest.mark.parametrize("gap", [1, 8])
@pytest.mark.parametrize("beside", [False, True])
def test_two_pictures_with_a_gap_are_a_collage(gap: int, beside: bool) -> None:
    one = chest(200, 240).astype(np.float32)
    between = np.ones((200, gap) if beside else (gap, 240), np.float32)
    both = np.concatenate([one, between, one], axis=1 if beside else 0)
    assert check(chest_view(), LIMITS, one) is None
    assert check(chest_view(), LIMITS, both) == gate.COLLAGE
    assert check(chest_view(chest=0.1), LIMITS, both) == gate.NOT_A_CHEST, "a page of text has plain lines too"


def test_border_and_caption_make_no_collage() -> None:
    picture = np.pad(chest(200, 240).astype(np.float32), ((30, 60), (50, 50)))
    picture[250:262, 60:120] = 1.0  # a caption below, in the border
    assert check(chest_view(), LIMITS, picture) is None


def films(count: int, beside: bool, brightness: float = 1.0) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Films of unlike exposure without a gap between them."""
    pictures = [
        (0.15 * i + (0.85 - 0.2 * i) * chest(300, 280, seed=i)[:, ::-1]).astype(np.float32) for i in range(count)
    ]
    return np.concatenate(pictures, axis=1 if beside else 0) * np.float32(brightness)


@pytest.mark.parametrize("brightness", [1.0, 0.05])
@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("count", [2, 3])
def test_films_without_a_gap_are_a_collage(count: int, beside: bool, brightness: float) -> None:
    assert collage.find(films(1, beside, brightness)) is None
    assert check(chest_view(), LIMITS, films(count, beside, brightness)) == gate.COLLAGE


@pytest.mark.parametrize("grey", [0.15, 0.5, 0.94])
@pytest.mark.parametrize("turns", range(4))
def test_toolbars_make_a_screenshot(grey: float, turns: int) -> None:
    screen = np.zeros((600, 900), np.float32)
    screen[60:, 150:750] = chest(540, 600)
    screen[:60] = grey
    assert check(chest_view(), LIMITS, np.rot90(screen, turns)) != gate.SCREENSHOT, "a plain border is none"
    for at in range(20, 880, 45):
        screen[15:45, at : at + 25] = 1.0 if grey < 0.5 else 0.1
    assert check(chest_view(), LIMITS, np.ascontiguousarray(np.rot90(screen, turns))) == gate.SCREENSHOT


def test_a_collimators_shadow_near_the_edge_is_no_seam() -> None:
    picture = chest(400, 400).astype(np.float32)
    picture[:85] *= 0.1
    assert collage.find(picture) is None

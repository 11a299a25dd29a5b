"""The gallery: a grid of pictures whose labels stay hidden until the user has said what he thinks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import streamlit as st

from pulmoscan.errors import PulmoScanError
from pulmoscan.gallery.samples import GallerySample, gallery, own_gallery, shuffled
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.ui.frame import plain
from pulmoscan.ui.state import session
from pulmoscan.ui.state.session import Chosen

THUMBNAIL_SIDE = 192
THUMBNAIL_QUALITY = 85
GRID_CARD = 108  # pixels: three a row on a phone
ROW_CARD = 92  # in a row that scrolls, one that is cut shows that it does
MOST_UNSCROLLED = 12
GRID_HEIGHT = 370  # pixels, for more than that: two rows, the others by scrolling
Guess = Literal["normal", "pneumonia", "none"]


@dataclass(frozen=True)
class Card:
    """A picture in the grid.

    Attributes:
        name: of the radiograph; it does not tell the label.
        button: what its button says, in Markdown: the label too, once the answer is out.
    """

    sample: GallerySample
    name: str
    button: str
    thumbnail: bytes


def gallery_panel() -> None:
    """The grid; once a radiograph is in view it becomes one row, so that the result is seen without scrolling."""
    st.markdown("Or try one from the gallery")
    cards = _cards()
    if not cards:
        return
    chosen = session.chosen()
    in_view = chosen.sample.path if chosen and chosen.sample else None
    wraps = chosen is None
    height: int | Literal["content"] = GRID_HEIGHT if wraps and len(cards) > MOST_UNSCROLLED else "content"
    with st.container(horizontal=True, wrap=wraps, height=height, border=False, key="gallery"):
        for number, card in enumerate(cards):
            with st.container(width=GRID_CARD if wraps else ROW_CARD, gap="xsmall", key=f"sample-{number}"):
                st.image(card.thumbnail, alt=card.name)
                st.button(
                    card.button,
                    key=f"show-{number}",
                    width="stretch",
                    type="primary" if card.sample.path == in_view else "secondary",
                    on_click=_take,
                    args=(card,),
                )


def question(sample: GallerySample) -> None:
    """Below the radiograph's name: what do you think it is? Then the answer, and what the picture is."""
    if not sample.has_answer:
        return
    guess = _guesses().get(_key(sample))
    with st.container(horizontal=True, vertical_alignment="center", key="question"):
        if guess is None:
            st.markdown("**What do you think?**")
            for label, choice in (("Normal", "normal"), ("Pneumonia", "pneumonia"), ("Just show the label", "none")):
                st.button(label, key=f"guess-{choice}", on_click=_guess, args=(sample, choice))
        else:
            # The origin stands above the question already.
            rest = sample.caption.replace(sample.origin, "").lstrip(" .;")
            st.markdown(f"{_answer(sample, guess)} {plain(rest)}")


def _answer(sample: GallerySample, guess: Guess) -> str:
    icon = {sample.label: ":material/check:", "none": ":material/label:"}.get(guess, ":material/close:")
    thought = "" if guess == "none" else f"You thought: {guess}. "
    return f"{icon} {thought}Labelled **{sample.label}**."


def _cards() -> list[Card]:
    """Ours in an order that tells nothing, then the user's own; a gallery that cannot be read says so."""
    samples: list[GallerySample] = []
    for read in (lambda: shuffled(gallery()), own_gallery):
        try:
            samples += read()
        except PulmoScanError as error:
            st.info(str(error), icon=":material/photo_library:")
    cards: list[Card] = []
    case = 0
    for sample in samples:
        name, button = sample.title, plain(sample.title)
        if sample.has_answer:
            case += 1
            name = button = f"Case {case}"
            if _key(sample) in _guesses():
                button = f"{name}: {sample.label}"
        try:
            thumbnail = _thumbnail(sample.path, sample.path.stat().st_mtime_ns)
        except PulmoScanError:
            continue  # a user's file that is no radiograph; `samples add` says why
        except OSError:
            continue  # deleted just now
        cards.append(Card(sample, name, button, thumbnail))
    return cards


def _take(card: Card) -> None:
    session.choose(lambda: _load(card), card.name)


def _load(card: Card) -> Chosen:
    sample = card.sample
    about = f"{sample.origin}." if sample.has_answer else _about(sample)
    return Chosen(load_radiograph(sample.path, card.name), plain(about), sample=sample)


def _about(sample: GallerySample) -> str:
    return sample.caption if sample.origin in sample.caption else f"{sample.caption} {sample.origin}."


def _guess(sample: GallerySample, guess: Guess) -> None:
    _guesses()[_key(sample)] = guess


def _guesses() -> dict[str, Guess]:
    """What the user said of each picture, in this session."""
    guesses: dict[str, Guess] = st.session_state.setdefault("guesses", {})
    return guesses


def _key(sample: GallerySample) -> str:
    return str(sample.path)


@st.cache_data(max_entries=500, show_spinner=False)
def _thumbnail(path: Path, modified: int) -> bytes:  # noqa: ARG001
    """The middle square of a gallery image as JPEG; `modified` renews it with its file."""
    pixels = load_radiograph(path).pixels
    side = min(pixels.shape)
    top, left = ((length - side) // 2 for length in pixels.shape)
    square = cv2.resize(
        pixels[top : top + side, left : left + side], (THUMBNAIL_SIDE, THUMBNAIL_SIDE), interpolation=cv2.INTER_AREA
    )
    _, jpeg = cv2.imencode(".jpg", (square * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, THUMBNAIL_QUALITY])
    return jpeg.tobytes()

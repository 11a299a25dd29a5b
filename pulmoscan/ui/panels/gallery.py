"""The gallery: a grid of pictures whose labels stay hidden until the user has said what he thinks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import streamlit as st

from pulmoscan.errors import PulmoScanError
from pulmoscan.gallery.samples import GallerySample, gallery, own_gallery, shuffled
from pulmoscan.gallery.thumbnails import make_thumbnail, thumbnail
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.ui.frame import plain
from pulmoscan.ui.state import links, session
from pulmoscan.ui.state.session import Chosen

GRID_CARD = 108  # pixels: three a row on a phone
ROW_CARD = 76  # in a row that scrolls, one that is cut shows that it does
MOST_UNSCROLLED = 12
GRID_HEIGHT = 370  # pixels, for more than that: two rows, the others by scrolling
LOOK_AT = {
    "normal": "What speaks for a normal chest: vessels that can be followed outwards, sharp borders of the heart and "
    "of both diaphragms, free angles beside them.",
    "pneumonia": "What pneumonia can look like: a cloudy area that hides the vessels, dark branching bronchi in it, or "
    "a border of the heart or the diaphragm that is lost.",
}
"""Teaching captions, of chest radiographs in general."""
Guess = Literal["normal", "pneumonia", "none"]


@dataclass(frozen=True)
class Card:
    """A picture in the grid.

    Attributes:
        name: of the radiograph; it does not tell the label.
        button: what its button says, in Markdown: the label too, once the answer is out.
        case: its number among the gallery's own, which an address may name; 0 for others.
    """

    sample: GallerySample
    name: str
    button: str
    thumbnail: bytes
    case: int = 0


def gallery_panel() -> list[Card]:
    """The grid; once a radiograph is in view it becomes one row, so that the result is seen without scrolling."""
    cards = _cards()
    if not cards:
        return []
    _open_linked(cards)
    chosen = session.chosen()
    in_view = chosen.sample.path if chosen and chosen.sample else None
    wraps = chosen is None
    if wraps:
        st.markdown("Or try one from the gallery")
    numbers = {card.sample.path: card.case for card in cards}
    links.show(case=str(numbers[in_view]) if in_view and numbers.get(in_view) else None)
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
    return cards


def _open_linked(cards: list[Card]) -> None:
    """The case that the address names, when a session begins with one."""
    number = links.number_opened_with("case", 1, len(cards))
    if number is not None and session.chosen() is None:
        for card in cards:
            if card.case == int(number):
                _take(card)


def leaf_through(cards: Sequence[Card], chosen: Chosen) -> None:
    """The case before and the next one, by button or arrow key."""
    if not cards:
        return
    in_view = chosen.sample.path if chosen.sample else None
    here = next((n for n, card in enumerate(cards) if card.sample.path == in_view), None)
    before, after = (None, 0) if here is None else (here - 1 if here else None, here + 1)
    with st.container(horizontal=True, gap="xsmall", width="content", key="flow"):
        for title, at, key, icon in (
            ("Previous", before, "Left", ":material/chevron_left:"),
            ("Next", after, "Right", ":material/chevron_right:"),
        ):
            card = cards[at] if at is not None and at < len(cards) else None
            st.button(
                f"{title} case",
                icon=icon,
                shortcut=key,
                disabled=card is None,
                on_click=_take,
                args=(card or cards[0],),
                key=f"case-{title.lower()}",
            )


def awaits_guess(chosen: Chosen) -> bool:
    """Whether the user is to say what he thinks before he is told anything."""
    sample = chosen.sample
    return bool(sample and sample.has_answer and _key(sample) not in _guesses())


def question(sample: GallerySample) -> None:
    """What do you think it is?"""
    with st.container(key="question", gap="small"):
        st.subheader("What do you think?", anchor=False)
        with st.container(horizontal=True):
            for label, choice in (("Normal", "normal"), ("Pneumonia", "pneumonia")):
                st.button(label, key=f"guess-{choice}", width="stretch", on_click=_guess, args=(sample, choice))
        st.button("Just show the result", key="guess-none", type="tertiary", on_click=_guess, args=(sample, "none"))
        st.caption("The model's decision and the label follow.")


def answer(sample: GallerySample) -> None:
    """What the user thought, the label, and what to look at."""
    guess = _guesses().get(_key(sample))
    if guess is None:
        return
    # The origin stands above already.
    rest = sample.caption.replace(sample.origin, "").lstrip(" .;")
    with st.container(key="answer"):
        st.markdown(f"{_answer(sample, guess)} {plain(rest)}", help=LOOK_AT.get(sample.label))


def _answer(sample: GallerySample, guess: Guess) -> str:
    icon = {sample.label: ":material/check:", "none": ":material/label:"}.get(guess, ":material/close:")
    thought = "" if guess == "none" else f"You thought: {guess}. "
    return f"{icon} {thought}Labelled **{sample.label}**."


def _cards() -> list[Card]:
    """The user's own, then ours in an order that tells nothing; a gallery that cannot be read says so."""
    samples: list[GallerySample] = []
    for read in (own_gallery, lambda: shuffled(gallery())):
        try:
            samples += read()
        except PulmoScanError as error:
            st.info(str(error), icon=":material/photo_library:")
    cards: list[Card] = []
    shipped = own = 0
    for sample in samples:
        name, button, number = sample.title, plain(sample.title), 0
        if not sample.is_own:
            shipped += 1
            number = shipped
        if sample.has_answer:
            own += sample.is_own
            name = button = f"Own {own}" if sample.is_own else f"Case {number}"
            if _key(sample) in _guesses():
                button = f"{name}: {sample.label}"
        try:
            thumbnail = _thumbnail(sample.path, sample.is_own, sample.path.stat().st_mtime_ns)
        except PulmoScanError:
            continue  # a user's file that is no radiograph; `samples add` says why
        except OSError:
            continue  # deleted just now
        cards.append(Card(sample, name, button, thumbnail, number))
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


@lru_cache(maxsize=500)
def _thumbnail(path: Path, is_own: bool, modified: int) -> bytes:  # noqa: ARG001
    """`modified` renews it with its file. What lies in thumbnails/ of the user's folder is a picture like any other."""
    return make_thumbnail(load_radiograph(path).pixels) if is_own else thumbnail(path)

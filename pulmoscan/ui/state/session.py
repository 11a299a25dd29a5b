"""What one browser session remembers: the chosen radiograph and its readings, in memory only.

Pages share it, so a radiograph chosen on one page is there on the next. Every choice replaces the one before, whether
it came by upload or from the gallery.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import streamlit as st

from pulmoscan import screening
from pulmoscan.errors import PulmoScanError
from pulmoscan.errors.traces import log_unforeseen
from pulmoscan.examination.examine import Examination, corrected, examine, lung_weights
from pulmoscan.examination.gate import Correction
from pulmoscan.gallery.samples import GallerySample
from pulmoscan.population import Population, PopulationChoice
from pulmoscan.reading.radiograph import Radiograph
from pulmoscan.screening import Model, Reading
from pulmoscan.ui.frame import UNFORESEEN, plain
from pulmoscan.ui.state import history

MOST_HELD = 20
"""Radiographs that the history can open again; each takes tens of megabytes."""

AHEAD = "ahead"
"""Name of the threads that work beside a page."""

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Chosen:
    """The radiograph that the pages show.

    Attributes:
        about: what is known of it, in Markdown.
        readings: what each model found, by `found_by`.
        sample: the picture of the gallery that it is, if it is one.
        examinations: what was seen before any of them ran, by the checksum of the lung network's weights.
        overridden: the user wants it screened even if the gate refuses it.
        original: the choice as it came, where this is a corrected one.
        told: whom it shows, as the user said of this one.
    """

    radiograph: Radiograph
    about: str
    readings: dict[str, Reading] = field(default_factory=dict)
    sample: GallerySample | None = None
    examinations: dict[str, Examination] = field(default_factory=dict)
    overridden: bool = False
    original: Chosen | None = None
    told: Population | None = None
    _examining: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _reading: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _unseen: set[str] = field(default_factory=set, repr=False)  # readings that the history has yet to record

    def population_choice(self) -> PopulationChoice | None:
        """Whose operating point applies, `auto` where the file tells; None where the user has to be asked."""
        if self.told is not None:
            return self.told
        if self.radiograph.source.age is not None:
            return "auto"
        return (self.sample.population if self.sample else None) or answer()

    def examination(self) -> Examination:
        """Lungs, gate and quality; looked at on the first call only, for all models."""
        key = lung_weights()
        with self._examining:
            if key not in self.examinations:
                self.examinations[key] = examine(self.radiograph)
            return self.examinations[key]

    def reading(self, model: Model) -> Reading:
        """The model's reading; the model runs on the first call only.

        Raises:
            RefusedByGate: the gate refuses the picture, and the user did not override it.
        """
        found = self._read(model)
        if found_by(model) in self._unseen:
            history.record(self.radiograph.source.name, found, self.radiograph.pixels)
            self._unseen.discard(found_by(model))  # now: a page that is stopped before has not recorded it
        return found

    def _read(self, model: Model) -> Reading:
        examination = self.examination()
        examination.admit(self.overridden)
        key = found_by(model)
        with self._reading:
            if key not in self.readings:
                self.readings[key] = screening.read(self.radiograph, model, examination, self.overridden)
                self._unseen.add(key)
            return self.readings[key]

    def look_ahead(self) -> None:
        """Have the examination made while the page is being drawn."""
        _meanwhile(self.examination)

    def read_ahead(self, model: Model) -> None:
        """Have the reading made while the user is being asked something."""
        if found_by(model) not in self.readings:
            _meanwhile(lambda: self._read(model))


def _meanwhile(work: Callable[[], object]) -> None:
    """Do it beside the page. What goes wrong does so again where the page asks for the result, and is told there."""

    def quietly() -> None:
        with suppress(Exception):
            work()

    threading.Thread(target=quietly, name=AHEAD, daemon=True).start()


def found_by(model: Model | Reading) -> str:
    """What a reading is kept by: the checksums of the weights and of the site profile that the model goes by."""
    return model.card.weights_sha256 + (model.site.sha256 if model.site else "")


def chosen() -> Chosen | None:
    """The radiograph in view, if any."""
    return st.session_state.get("chosen")


def just_chosen() -> Chosen | None:
    """What was chosen since this was asked last."""
    found: Chosen | None = st.session_state.pop("just_chosen", None)
    return found


def answer() -> Population | None:
    """Whom radiographs show whose files do not tell, as the user answered in this session."""
    return st.session_state.get("population_answer")


def answer_with(population: Population) -> None:
    """Keep the answer."""
    st.session_state.population_answer = population


def choice_for(age: float | None) -> PopulationChoice:
    """Whose operating point applies to a radiograph of a list; `auto` by age, or where nobody has answered yet."""
    return "auto" if age is not None else answer() or "auto"


def problem() -> str | None:
    """Why the latest choice could not be followed, if it could not; the radiograph before it then stays in view."""
    return st.session_state.get("problem")


def choose(load: Callable[[], Chosen], name: str) -> None:
    """Put another radiograph in view; for callbacks, so it must not raise."""
    st.session_state.problem = None
    try:
        st.session_state.chosen = st.session_state.just_chosen = load()
        _recent().append(st.session_state.chosen)
        st.session_state.chosen.look_ahead()
    except PulmoScanError as error:
        st.session_state.problem = f"“{plain(name)}” could not be read. {error}"
    except Exception as error:
        log_unforeseen(logger, "while reading a radiograph", error)
        st.session_state.problem = UNFORESEEN


def held(key: str) -> Chosen | None:
    """A radiograph that was in view lately, by its `Radiograph.key`; None where it is no longer held."""
    return next((chosen for chosen in reversed(_recent()) if chosen.radiograph.key == key), None)


def forget_recent() -> None:
    """Hold no radiograph but the one in view."""
    _recent().clear()


def _recent() -> deque[Chosen]:
    recent: deque[Chosen] = st.session_state.setdefault("recent", deque(maxlen=MOST_HELD))
    return recent


def remove() -> None:
    """Forget the radiograph and all that was found in it."""
    if now := chosen():
        for same in [one for one in _recent() if one.radiograph.source.sha256 == now.radiograph.source.sha256]:
            _recent().remove(same)
    st.session_state.chosen = st.session_state.problem = None


def correct(correction: Correction) -> None:
    """Put the radiograph in view right, as the gate proposes."""
    if before := chosen():
        radiograph = corrected(before.radiograph, correction)
        st.session_state.chosen = Chosen(
            radiograph, before.about, sample=before.sample, original=before, told=before.told
        )


def uncorrect() -> None:
    """Back to the picture as it came."""
    if (now := chosen()) and now.original:
        st.session_state.chosen = now.original


def override(wanted: bool) -> None:
    """Screen the picture in view in spite of the gate, or no longer do so."""
    if now := chosen():
        now.overridden = wanted

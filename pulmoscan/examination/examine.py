"""Radiograph -> `Examination`: what is seen of a picture before any model reads it.

Where the lungs are, whether the gate lets it through, and of what quality it is: one pass of the lung network and a few
measurements on the pixels, once for all models.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from pulmoscan.errors import RefusedByGate, WeightsDamaged
from pulmoscan.examination import gate, quality
from pulmoscan.examination.gate import Correction, Refusal
from pulmoscan.examination.lungs import ChestView, card_path, load_reader
from pulmoscan.examination.quality import Defect
from pulmoscan.reading.radiograph import PHOTOGRAPH, Radiograph


@dataclass(frozen=True, eq=False)
class Examination:
    """What is seen of one radiograph.

    Attributes:
        view: where the lungs are, and what kind of picture it is.
        refusal: why the gate does not let it through; None where it does.
        defects: what its quality leaves to be desired.
        milliseconds: from decoded pixels to this.
    """

    view: ChestView
    refusal: Refusal | None
    defects: tuple[Defect, ...]
    milliseconds: float

    def admit(self, override: bool = False) -> None:
        """Whether the radiograph may be screened: the one place where that is decided.

        Args:
            override: the user wants it screened even if the gate refuses it.

        Raises:
            RefusedByGate: the gate refuses it, and nobody overrides that.
        """
        if self.refusal and not override:
            raise RefusedByGate(self.refusal.message)


def examine(radiograph: Radiograph) -> Examination:
    """Look at a radiograph once. Deterministic and safe to call from many threads.

    Raises:
        ModelError: the lung network's weights cannot be used.
    """
    began = time.perf_counter()
    reader = load_reader()
    if missing := [name for name in gate.LIMITS if name not in reader.card.limits]:
        raise WeightsDamaged(card_path(), f"it lacks the gate's limits {', '.join(missing)}")
    view = reader.look(radiograph.pixels)
    refusal = gate.check(view, reader.card.limits, radiograph.pixels, radiograph.source.chroma)
    return Examination(view, refusal, defects_of(radiograph, view), 1000 * (time.perf_counter() - began))


def defects_of(radiograph: Radiograph, view: ChestView) -> tuple[Defect, ...]:
    """What its quality leaves to be desired, without what its file tells already."""
    defects = quality.check(radiograph.pixels, view.mask)
    if radiograph.dicom or PHOTOGRAPH in radiograph.warnings:  # no photograph, or one that was told
        defects = tuple(defect for defect in defects if defect.kind != "photograph")
    return defects


def lung_weights() -> str:
    """The checksum of the lung network that `examine` uses now: another one may see something else.

    Raises:
        ModelError: its weights cannot be used.
    """
    return load_reader().card.weights_sha256


def corrected(radiograph: Radiograph, correction: Correction) -> Radiograph:
    """The radiograph turned or inverted as the gate proposes; its source tells what was done to it."""
    pixels = correction.apply(radiograph.pixels)
    pixels.flags.writeable = False
    return replace(radiograph, pixels=pixels, source=replace(radiograph.source, correction=correction.done))

"""What every report says, whatever its format."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pulmoscan import __version__
from pulmoscan.export.evidence import Measured, Unmeasured, figures_of
from pulmoscan.export.words import (
    LOOKS,
    METHODS,
    OPACITY,
    population_text,
    probability_text,
    threshold_text,
    triage_text,
)
from pulmoscan.models import gradcam
from pulmoscan.models.registry import ModelSpec
from pulmoscan.population import OperatingPoint
from pulmoscan.reading.radiograph import Radiograph
from pulmoscan.reading.scaling import at_most
from pulmoscan.screening import Screening

PageSize = Literal["A4", "Letter"]
LARGEST_SIDE = 1400  # pixels of the pictures in a report


@dataclass(frozen=True, eq=False)
class Report:
    """One screening, to be written in one of the formats.

    Attributes:
        anonymous: leave out all that names the patient, the file's name included.
        created: when the report was made, with its zone.
        repeatable: its DICOM files get the same UIDs whenever, and by whatever process, they are made of this source
            instance, these weights and this threshold: an archive that has one already knows it again.
    """

    radiograph: Radiograph
    screening: Screening
    anonymous: bool = False
    opacity: float = OPACITY
    repeatable: bool = False
    created: datetime = field(default_factory=lambda: datetime.now(timezone.utc).astimezone())

    @property
    def spec(self) -> ModelSpec:
        return self.screening.reading.model

    @property
    def software(self) -> str:
        """Name, version, the precision that the network was computed in, and the site's profile if there is one."""
        site = self.screening.reading.site
        return f"PulmoScan {__version__}, {self.screening.reading.precision}" + (
            f", site profile {site.label}" if site else ""
        )

    @property
    def triage_text(self) -> str:
        """What the triage says and on what bounds, in words; empty without a triage."""
        return triage_text(self.screening)

    @property
    def headline(self) -> str:
        """The decision in words; what the gate refused says so first."""
        decision = LOOKS[self.screening.label].headline
        return f"Refused, yet screened: {decision[0].lower()}{decision[1:]}" if self.mark else decision

    @property
    def mark(self) -> str:
        """What every export of a picture says that was screened in spite of a refusal; empty for others."""
        refusal = self.screening.reading.overridden
        return f"Screened although it was refused: {refusal.finding} The score may mean nothing." if refusal else ""

    @property
    def weights_sha256(self) -> str:
        return self.screening.reading.card.weights_sha256

    @property
    def file_name(self) -> str:
        """The source's; empty where it might name the patient."""
        return "" if self.anonymous else Path(self.radiograph.source.name).name

    @property
    def stem(self) -> str:
        """Begins the names of exported files."""
        return "radiograph" if self.anonymous else Path(self.file_name).stem or "radiograph"

    @property
    def left_empty(self) -> list[str]:
        """Sentences on identifiers of the source that a DICOM export cannot hand on."""
        source = self.radiograph.dicom
        if source is None or self.anonymous:
            return []
        from pulmoscan.export.identifiers import left_empty  # imports pydicom, which other files do without

        return left_empty(source.header)

    @property
    def point(self) -> OperatingPoint:
        """The operating point that the threshold in force goes by."""
        return self.screening.point

    @property
    def is_operating_point(self) -> bool:
        return self.screening.is_at_the_point

    @property
    def population(self) -> str:
        """In words."""
        return population_text(self.screening)

    @property
    def measured(self) -> Measured | Unmeasured:
        """The figures that apply to the decision, or why none do."""
        return figures_of(self.screening)

    @property
    def site_text(self) -> str:
        """The site's profile and its probability, in words; empty without one."""
        reading = self.screening.reading
        if reading.site is None or reading.site_probability is None:
            return ""
        return (
            f"{reading.site.label}: {probability_text(reading.site_probability)} among its patients, at a prevalence "
            f"of {100 * reading.site.prevalence:.1f} %"
        )

    @property
    def threshold_text(self) -> str:
        """The threshold and whose choice it was."""
        return threshold_text(self.screening)

    @property
    def lung_attention_text(self) -> str:
        share = self.screening.lung_attention
        return "not measured" if share is None else f"{100 * share:.0f} % of the heat lies inside the outlined lungs"

    @property
    def heat_method(self) -> str:
        return METHODS[self.screening.reading.card.heat_method]

    @cached_property
    def picture(self) -> NDArray[np.float32]:
        """float32 [H, W] in [0, 1]: the radiograph at up to `LARGEST_SIDE` pixels a side."""
        return at_most(self.radiograph.pixels, LARGEST_SIDE)

    @cached_property
    def overlay(self) -> NDArray[np.uint8]:
        """uint8 RGB [H, W, 3], of the picture's size."""
        height, width = self.picture.shape
        return gradcam.overlay(self.picture, self.screening.reading.heatmap(height, width), self.opacity)


SECRET = secrets.token_hex(16)
"""Goes into UIDs that replace others: alike within a run of the program, and not to be traced back."""


def font_file(name: str) -> Path:
    """A font of Matplotlib's; they have Latin, Greek and Cyrillic."""
    import matplotlib  # slow to import, and a screening does without it

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"

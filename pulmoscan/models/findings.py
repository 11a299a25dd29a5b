"""What a model may tell besides its answer: other findings, and which part of the radiograph it saw."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One output of a model that looks for several.

    Attributes:
        name: as the model's authors name it.
        score: in [0, 1], scaled so that 0.5 is the operating point.
        probability: the sigmoid of the output before scaling, in [0, 1].
        threshold: the operating point on that probability.
    """

    name: str
    score: float
    probability: float
    threshold: float

    @property
    def is_positive(self) -> bool:
        """Whether it is at or above the operating point."""
        return self.probability >= self.threshold


@dataclass(frozen=True)
class FieldOfView:
    """The part of a radiograph that a model saw, as shares of its height and width in [0, 1]."""

    top: float = 0.0
    left: float = 0.0
    height: float = 1.0
    width: float = 1.0

    @property
    def is_whole(self) -> bool:
        return self == WHOLE

    def within(self, height: int, width: int) -> tuple[slice, slice]:
        """Its rows and columns in a picture of [height, width] pixels, at least one of each."""
        return _span(self.top, self.height, height), _span(self.left, self.width, width)


WHOLE = FieldOfView()


def _span(start: float, length: float, pixels: int) -> slice:
    first = min(round(start * pixels), pixels - 1)
    return slice(first, max(first + 1, round((start + length) * pixels)))

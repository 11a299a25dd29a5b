"""Whether what a reader answers has been in view: a key that is pressed twice answers no picture that nobody saw."""

from __future__ import annotations

import time
from dataclasses import dataclass

QUICKEST = 0.3
"""Seconds that a picture is in view before an answer to it counts."""


@dataclass(eq=False)
class Seen:
    """What is in view, and since when."""

    what: object = None
    since: float = 0.0

    def show(self, what: object) -> None:
        """It has just been drawn; drawn anew it has been there before."""
        if what != self.what:
            self.what, self.since = what, time.monotonic()

    def enough(self, what: object) -> bool:
        """Whether it is in view, and has been for as long as a look takes."""
        return what == self.what and time.monotonic() - self.since >= QUICKEST

"""Do new cases score as those did that the figures and bounds rest on?"""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike

ALARM = 0.01
"""Of the p value: the check is made at times, and one in a hundred may cry wolf."""
FEWEST = 20


@dataclass(frozen=True)
class Shift:
    """Two sets of scores compared by Kolmogorov's and Smirnov's two-sample test.

    Attributes:
        distance: largest difference of their distribution functions, in [0, 1].
        p: two-sided.
        n: cases of the smaller set; below `FEWEST` nothing can be told, and p is 1.
    """

    distance: float
    p: float
    n: int

    @property
    def alarm(self) -> bool:
        """Whether what was measured on the one set should not be taken to hold for the other."""
        return self.p < ALARM


def compare(before: ArrayLike, now: ArrayLike) -> Shift:
    """Scores that figures rest on, against those of other cases of the same kind."""
    import numpy as np
    from scipy.stats import ks_2samp  # slow to import

    a, b = np.asarray(before, dtype=float), np.asarray(now, dtype=float)
    n = min(len(a), len(b))
    if n < FEWEST:
        return Shift(0.0, 1.0, n)
    found = ks_2samp(a, b, method="asymp")
    return Shift(float(found.statistic), float(found.pvalue), n)

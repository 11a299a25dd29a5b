"""Probabilities put right on a site's own cases: by a temperature, or isotonic where there are enough of them.

Which of them, or neither, is told by cross-validation: the fewest surprises (log loss) on cases that the fit has not
seen. As everywhere here both classes have equal say, and `at_prevalence` gives the probability among a site's patients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from pulmoscan.statistics.calibration import brier, expected_calibration_error, fit_temperature, temperature_scaled
from pulmoscan.statistics.metrics import Scores

Array = NDArray[np.float64]
Kind = Literal["none", "temperature", "isotonic"]
FEWEST_FOR_TEMPERATURE = 20
FEWEST_FOR_ISOTONIC = 500
"""Cases of each class; below about 1,000 together isotonic regression overfits (Niculescu-Mizil and Caruana 2005, doi
10.1145/1102351.1102430)."""
FOLDS = 5
EDGE = 1e-6
MOST_KNOTS = 200
"""Of an isotonic fit, as it is kept."""


@dataclass(frozen=True)
class Recalibration:
    """How a probability is put right.

    Attributes:
        knots: of isotonic: probabilities as they come and as they should be, both ascending; straight lines between.
        losses: log loss of each kind that was tried, in cross-validation.
        error_before, error_after: expected calibration error, in [0, 1]; after in cross-validation.
        brier_before, brier_after: the same of the Brier score.
    """

    kind: Kind
    temperature: float
    knots: tuple[tuple[float, float], ...]
    losses: dict[str, float]
    error_before: float
    error_after: float
    brier_before: float
    brier_after: float

    def apply(self, probabilities: ArrayLike) -> Array:
        """Probabilities in [0, 1] put right, where every other patient has pneumonia."""
        p = np.asarray(probabilities, dtype=np.float64)
        if self.kind == "temperature":
            return temperature_scaled(_logits(p), self.temperature)
        if self.kind == "isotonic":
            x, y = np.array(self.knots).T
            return np.interp(p, x, y)
        return p


def recalibrate(scores: Scores, seed: int = 0) -> Recalibration:
    """The best of the three kinds for a set with both classes; with few cases everything stays as it is."""
    p = np.r_[scores.normal, scores.pneumonia]
    ill = np.repeat([False, True], [len(scores.normal), len(scores.pneumonia)])
    fewest = min(len(scores.normal), len(scores.pneumonia))
    kinds: list[Kind] = ["none"]
    kinds += ["temperature"] if fewest >= FEWEST_FOR_TEMPERATURE else []
    kinds += ["isotonic"] if fewest >= FEWEST_FOR_ISOTONIC else []
    fold = _folds(ill, seed)
    held_out = {kind: _cross_validated(kind, p, ill, fold) for kind in kinds}
    losses = {kind: _log_loss(q, ill) for kind, q in held_out.items()}
    best = min(kinds, key=losses.__getitem__)  # the simpler of equals, since it comes first
    temperature, knots = _fit(best, p, ill)
    after = Scores.of(ill, held_out[best])
    return Recalibration(
        kind=best,
        temperature=temperature,
        knots=knots,
        losses={str(kind): loss for kind, loss in losses.items()},
        error_before=expected_calibration_error(scores),
        error_after=expected_calibration_error(after),
        brier_before=brier(scores),
        brier_after=brier(after),
    )


def at_prevalence(probabilities: ArrayLike, prevalence: float) -> Array:
    """Probabilities where every other patient is ill -> those where a share `prevalence` is (Bayes' rule on odds)."""
    return np.asarray(expit(_logits(np.asarray(probabilities, dtype=np.float64)) + logit(prevalence)))


def _fit(kind: Kind, p: Array, ill: NDArray[np.bool_]) -> tuple[float, tuple[tuple[float, float], ...]]:
    """Temperature and knots; of those that the kind does without, what changes nothing."""
    weights = np.where(ill, 0.5 / max(1, ill.sum()), 0.5 / max(1, (~ill).sum()))
    if kind == "temperature":
        return fit_temperature(_logits(p), ill, weights), ()
    if kind == "isotonic":
        from sklearn.isotonic import IsotonicRegression  # slow to import

        edge = 1 / (2 + len(p))  # nobody is certain
        regression = IsotonicRegression(y_min=edge, y_max=1 - edge, out_of_bounds="clip")
        regression.fit(p, ill.astype(float), sample_weight=weights)
        x, y = regression.X_thresholds_, regression.y_thresholds_
        kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), MOST_KNOTS)).astype(int))
        return 1.0, tuple((round(float(a), 6), round(float(b), 6)) for a, b in zip(x[kept], y[kept], strict=True))
    return 1.0, ()


def _cross_validated(kind: Kind, p: Array, ill: NDArray[np.bool_], fold: NDArray[np.intp]) -> Array:
    found = p.copy()
    if kind != "none":
        for number in range(FOLDS):
            out = fold == number
            temperature, knots = _fit(kind, p[~out], ill[~out])
            found[out] = Recalibration(kind, temperature, knots, {}, 0, 0, 0, 0).apply(p[out])
    return found


def _folds(ill: NDArray[np.bool_], seed: int) -> NDArray[np.intp]:
    """The fold of each case, with like shares of either class."""
    rng = np.random.default_rng(seed)
    fold = np.empty(len(ill), dtype=np.intp)
    for of_class in (ill, ~ill):
        fold[of_class] = rng.permutation(int(of_class.sum())) % FOLDS
    return fold


def _log_loss(p: Array, ill: NDArray[np.bool_]) -> float:
    right = np.log(np.clip(np.where(ill, p, 1 - p), EDGE, 1))
    return -0.5 * sum(float(right[of_class].mean()) for of_class in (ill, ~ill))


def _logits(p: Array) -> Array:
    return np.asarray(logit(np.clip(p, EDGE, 1 - EDGE)), dtype=np.float64)

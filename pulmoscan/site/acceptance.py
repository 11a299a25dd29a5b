"""Cases -> `Acceptance`: every figure of a site's acceptance test, for the report in whatever form."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from typing import Any

import numpy as np
from msgspec import structs

from pulmoscan import DISCLAIMER, __version__
from pulmoscan.errors import NothingToMeasure
from pulmoscan.models.card import Card
from pulmoscan.population import POPULATIONS, Population
from pulmoscan.site.cases import Case, Run, common_folder
from pulmoscan.site.labels import Fault
from pulmoscan.site.limits import Limit, Verdict, judge
from pulmoscan.site.parity import Parity
from pulmoscan.site.subgroups import Subgroup, confusion, scores, subgroups
from pulmoscan.statistics import calibration, clusters, lab, metrics, shift, triage
from pulmoscan.statistics.bands import Bands, bands
from pulmoscan.statistics.exact import cases_needed
from pulmoscan.statistics.metrics import Confusion, Estimate, Scores
from pulmoscan.statistics.recalibration import Recalibration, recalibrate
from pulmoscan.statistics.shift import Shift
from pulmoscan.statistics.triage import Promise, Triage, TriageCounts

RATES = (0.05, 0.02, 0.01)
"""Miss rates that the help with the sample size names."""
RESAMPLINGS = 200


@dataclass(frozen=True)
class Asked:
    """What the user states before any figure is known.

    Attributes:
        prevalence: share of the site's patients with pneumonia, above 0 and below 1; None takes the labelled set's.
    """

    limits: tuple[Limit, ...] = ()
    prevalence: float | None = None
    promise: Promise = field(default_factory=Promise)


@dataclass(frozen=True)
class Taken:
    """What of the folder and the table was measured, and what was not.

    Attributes:
        refused, failed: labelled files; the pneumonias among them stand beside.
        duplicates: files with the same bytes as another, which count once.
        unlabelled: files that no row names.
        patients: how many different ones, as far as they are told; 0 where none is.
        unknown: of the screened ones, those of whom nothing tells child or adult.
    """

    labelled: int
    screened: int
    refused: int
    refused_ill: int
    failed: int
    failed_ill: int
    duplicates: int
    unlabelled: int
    patients: int
    unknown: int


@dataclass(frozen=True)
class TriageHere:
    """The triage that a population's cases allow, and where it puts them."""

    population: Population
    triage: Triage
    counts: TriageCounts


@dataclass(frozen=True, eq=False)
class Acceptance:
    """The test of one model on a site's labelled radiographs.

    Attributes:
        prevalence: that predictive values and net benefit are given at.
        thresholds: operating points that applied, by population.
        figures: by name, all with intervals; see `FIGURES` in `words`.
        effective: independent radiographs that sensitivity and specificity rest on, where patients have several.
        reliability: of the probabilities as they come.
        shifts: how scores here differ from those of validation, by population and class.
        misses, false_alarms: file and probability.
        unread: file, what became of it and why, of the labelled files without a probability.
        seconds: of the screening, as far as it was measured.
    """

    run: Run
    title: str
    created: datetime
    asked: Asked
    prevalence: float
    taken: Taken
    thresholds: Mapping[str, float]
    confusion: Confusion
    figures: Mapping[str, Estimate]
    effective: Mapping[str, int]
    bands: Bands
    reliability: Sequence[calibration.ReliabilityBin]
    recalibration: Recalibration
    triage: Sequence[TriageHere]
    shifts: Mapping[str, Shift]
    subgroups: Sequence[Subgroup]
    verdicts: Sequence[Verdict]
    misses: Sequence[tuple[str, float]]
    false_alarms: Sequence[tuple[str, float]]
    unread: Sequence[tuple[str, str, str]]
    faults: Sequence[Fault]
    parity: Parity | None
    scores: Scores

    @property
    def accepted(self) -> bool | None:
        """Whether every limit is met; None without limits, since then nothing was asked."""
        return all(v.state == "met" for v in self.verdicts) if self.verdicts else None

    @property
    def verdict(self) -> str:
        """In a sentence."""
        if self.accepted is None:
            return "No limits were stated beforehand: these are figures, not a verdict."
        if self.accepted:
            return "Every limit that was stated beforehand is met."
        open_, missed = (sum(v.state == s for v in self.verdicts) for s in ("not shown", "missed"))
        parts = [f"{missed} of {len(self.verdicts)} limits missed"] if missed else []
        parts += [f"{open_} of {len(self.verdicts)} not shown by so few cases"] if open_ else []
        return f"Not accepted: {' and '.join(parts)}."

    def shown(self, file: str) -> str:
        """A file's name without the folders that all have in common."""
        return file[len(self.folder) :]

    @cached_property
    def folder(self) -> str:
        """That all labelled files lie in."""
        unread = (file for file, *_ in self.unread)
        return common_folder([*self.scores.normal_files, *self.scores.pneumonia_files, *unread])

    @property
    def sample_size(self) -> list[tuple[float, int, int]]:
        """Sensitivity, and how many pneumonias would show it: without a miss, and with as many misses as here."""
        misses = self.confusion.false_negatives
        return [(1 - rate, cases_needed(rate), cases_needed(rate, misses)) for rate in RATES]


def accept(
    run: Run,
    title: str,
    card: Card,
    cases: Sequence[Case],
    asked: Asked,
    faults: Sequence[Fault] = (),
    unlabelled: int = 0,
    parity: Parity | None = None,
) -> Acceptance:
    """Every figure of a run.

    Raises:
        NothingToMeasure: not at least one pneumonia and one other were screened.
    """
    read = [case for case in cases if case.status == "ok" and not case.duplicate_of]
    found, counts = scores(read), confusion(read)
    if not counts.positives or not counts.negatives:
        raise NothingToMeasure(counts.positives, counts.negatives)
    prevalence = lab.prevalence(found) if asked.prevalence is None else asked.prevalence
    figures, effective = _figures(cases, read, found, counts, prevalence)
    here = [part for p in POPULATIONS if (part := _triage(p, read, asked.promise))]
    # The limits see independent radiographs: of several of a patient only as many as tell something new.
    independent = {**figures, **{k: dataclasses.replace(figures[k], n=n) for k, n in effective.items()}}
    return Acceptance(
        run=run,
        title=title,
        created=datetime.now(timezone.utc).astimezone(),
        asked=asked,
        prevalence=prevalence,
        taken=_taken(cases, read, unlabelled),
        thresholds={c.population: c.threshold for c in read if c.threshold is not None},
        confusion=counts,
        figures=figures,
        effective=effective,
        bands=bands(found, prevalence),
        reliability=calibration.reliability(found),
        recalibration=recalibrate(found),
        triage=here,
        shifts=_shifts(card, read),
        subgroups=subgroups(read),
        verdicts=judge(asked.limits, independent),
        misses=[(c.file, c.score) for c in _worst(read, 1)],
        false_alarms=[(c.file, c.score) for c in _worst(read, 0)],
        unread=[(c.file, c.status, c.reason) for c in cases if c.status != "ok"],
        faults=faults,
        parity=parity,
        scores=found,
    )


def _figures(
    cases: Sequence[Case], read: Sequence[Case], found: Scores, counts: Confusion, prevalence: float
) -> tuple[dict[str, Estimate], dict[str, int]]:
    ill, well = [c for c in read if c.label], [c for c in read if not c.label]
    sensitivity = clusters.share([c.called for c in ill], [c.patient for c in ill])
    specificity = clusters.share([not c.called for c in well], [c.patient for c in well])
    values = lab.predictive_values(counts, prevalence)
    figures = {
        "auc": clusters.auc(found, [c.patient for c in ill], [c.patient for c in well]),
        "sensitivity": sensitivity.figure,
        "specificity": specificity.figure,
        "ppv": values.ppv,
        "npv": values.npv,
        "positive likelihood ratio": counts.positive_likelihood_ratio,
        "negative likelihood ratio": counts.negative_likelihood_ratio,
        "average precision": lab.average_precision(found, prevalence),
        "calibration error": _bootstrap(found, calibration.expected_calibration_error),
        "brier": _bootstrap(found, calibration.brier),
        "heat inside boxes": _mean_share([c.in_boxes for c in ill]),
        "heat inside lungs": _mean_share([c.lung_attention for c in ill if c.called]),
        "refused": metrics.proportion(sum(c.status == "refused" for c in cases), len(cases)),
        "failed": metrics.proportion(sum(c.status == "error" for c in cases), len(cases)),
    }
    several = {"sensitivity": sensitivity, "specificity": specificity}
    return figures, {name: part.effective for name, part in several.items() if part.effective < part.figure.n}


def _mean_share(values: Sequence[float | None]) -> Estimate:
    """Of those that are known; its interval ends where shares do."""
    found = metrics.mean([value for value in values if value is not None])
    return dataclasses.replace(found, low=max(0.0, found.low), high=min(1.0, found.high)) if found.n > 1 else found


def _bootstrap(found: Scores, of: Any) -> Estimate:
    """A figure of both classes, with the interval of 95 % of its values over resampled cases."""
    rng = np.random.default_rng(0)
    n = len(found.normal) + len(found.pneumonia)
    drawn = [
        of(Scores(rng.choice(found.normal, len(found.normal)), rng.choice(found.pneumonia, len(found.pneumonia))))
        for _ in range(RESAMPLINGS)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    estimate = float(of(found))
    return Estimate(estimate, min(estimate, float(low)), max(estimate, float(high)), n)


def independent_scores(cases: Sequence[Case]) -> Scores:
    """Each patient once, at the worst score, for bounds that count independent cases."""
    ill, well = [c for c in cases if c.label], [c for c in cases if not c.label]
    return Scores(
        triage.of_patients(np.array([c.score for c in well]), [c.patient for c in well], "highest"),
        triage.of_patients(np.array([c.score for c in ill]), [c.patient for c in ill], "lowest"),
    )


def _triage(population: Population, read: Sequence[Case], promise: Promise) -> TriageHere | None:
    """Of the radiographs whose population is known; of the others nobody knows whose operating point they need."""
    part = [c for c in read if c.population == population]
    if not part:
        return None
    once = independent_scores(part)
    chosen = triage.choose(once.pneumonia, once.normal, promise)
    return TriageHere(population, chosen, triage.counts(chosen, scores(part)))


def _shifts(card: Card, read: Sequence[Case]) -> dict[str, Shift]:
    found = {}
    for population in POPULATIONS:
        before = card.scores.get((population, "validation"))
        if before is None:
            continue
        for label, name, known in ((1, "pneumonia", before.pneumonia), (0, "without", before.normal)):
            now = [c.score for c in read if c.population == population and c.label == label]
            if now:
                found[f"{population}, {name}"] = shift.compare(known, now)
    return found


def _taken(cases: Sequence[Case], read: Sequence[Case], unlabelled: int) -> Taken:
    def many(status: str, label: int | None = None) -> int:
        return sum(c.status == status and label in (None, c.label) for c in cases)

    return Taken(
        labelled=len(cases),
        screened=len(read),
        refused=many("refused"),
        refused_ill=many("refused", 1),
        failed=many("error"),
        failed_ill=many("error", 1),
        duplicates=sum(bool(c.duplicate_of) for c in cases),
        unlabelled=unlabelled,
        patients=len({c.patient for c in read if c.patient}),
        unknown=sum(c.population == "unknown" for c in read),
    )


def _worst(read: Sequence[Case], label: int) -> list[Case]:
    """Wrongly decided ones of a class, the most wrong first."""
    wrong = [c for c in read if c.label == label and c.called != bool(label)]
    return sorted(wrong, key=lambda c: (c.score * (1 if label else -1), c.file))


def as_json(acceptance: Acceptance) -> bytes:
    """The whole report for programs; what was not measured is null."""
    content = {
        "software": f"PulmoScan {__version__}",
        "disclaimer": DISCLAIMER,
        "accepted": acceptance.accepted,
        "verdict": acceptance.verdict,
        **{
            f.name: getattr(acceptance, f.name)
            for f in dataclasses.fields(acceptance)
            if f.name not in ("scores", "title")
        },
        "sample_size": [
            {"sensitivity": s, "pneumonias_without_a_miss": none, "pneumonias_with_misses_as_here": some}
            for s, none, some in acceptance.sample_size
        ],
    }
    return (json.dumps(_plain(content), ensure_ascii=False, indent=1) + "\n").encode("utf-8", "backslashreplace")


def _plain(value: Any) -> Any:
    if isinstance(value, Run):
        return structs.asdict(value)
    if isinstance(value, Limit):
        return {"name": value.name, "at_least" if value.at_least else "at_most": value.value}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, np.ndarray):
        return [_plain(part) for part in value.tolist()]
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value

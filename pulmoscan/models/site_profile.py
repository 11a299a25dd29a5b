"""A site's profile: operating points, calibration and triage bounds of its own, bound to what they were measured with.

`accept --profile` writes one; screening applies it and names it in every output. It holds no patient and no file name.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta, structs, to_builtins

from pulmoscan.errors import SiteProfileDamaged, SiteProfileMismatch, SiteProfilesClash
from pulmoscan.models.preprocessing import fingerprint
from pulmoscan.models.registry import MODELS
from pulmoscan.population import POPULATIONS, Population
from pulmoscan.reading.records import Record, read_record, write_record
from pulmoscan.settings import variable
from pulmoscan.statistics.metrics import Confusion, Estimate
from pulmoscan.statistics.triage import Promise, Side, Triage, narrower

Share = Annotated[float, Meta(ge=0, le=1)]
EDGE = 1e-6


class Figure(Record, frozen=True):
    """As `Estimate`."""

    estimate: float
    low: float
    high: float
    n: int

    @property
    def value(self) -> Estimate:
        return Estimate(self.estimate, self.low, self.high, self.n)


class Region(Record, frozen=True):
    """As `Side`."""

    threshold: Share | None
    n: int
    errors: int
    needed: int

    @property
    def value(self) -> Side:
        return Side(self.threshold, self.n, self.errors, self.needed)


class Bounds(Record, frozen=True):
    """As `Triage`."""

    miss_rate: Share
    false_alarm_rate: Share
    confidence: Share
    rule_out: Region
    rule_in: Region

    @property
    def value(self) -> Triage:
        return Triage(
            Promise(self.miss_rate, self.false_alarm_rate, self.confidence), self.rule_out.value, self.rule_in.value
        )


class Part(Record, frozen=True):
    """What was chosen for a population.

    Attributes:
        target: sensitivity that the threshold was chosen for.
        sensitivity, specificity: there, on the very cases that it was chosen on.
    """

    threshold: Share
    target: Share
    sensitivity: Figure
    specificity: Figure
    triage: Bounds

    @property
    def confusion(self) -> Confusion:
        """The counts that the two figures are shares of."""
        ill, well = self.sensitivity, self.specificity
        found, cleared = round(ill.estimate * ill.n), round(well.estimate * well.n)
        return Confusion(found, ill.n - found, cleared, well.n - cleared)


class Calibration(Record, frozen=True):
    """As `Recalibration`: how a probability is put right where every other patient has pneumonia."""

    kind: Literal["none", "temperature", "isotonic"]
    temperature: Annotated[float, Meta(gt=0)] = 1.0
    knots: tuple[tuple[float, float], ...] = ()


class SiteProfile(Record, frozen=True):
    """The file's content.

    Attributes:
        name: the site's own name for it.
        preprocessing: `preprocessing.fingerprint` of the program that measured.
        prevalence: share of the site's patients with pneumonia, which the site's probability is given at.
        accepted: whether the limits that were stated beforehand were met; None where none were.
        sha256: of all else, so that nobody changes it by hand unseen.
    """

    name: str
    created: str
    software: str
    model: str
    weights_sha256: str
    precision: str
    preprocessing: str
    labels_sha256: str
    prevalence: Annotated[float, Meta(gt=0, lt=1)]
    accepted: bool | None
    populations: dict[Population, Part]
    calibration: Calibration
    sha256: str = ""

    @property
    def label(self) -> str:
        """How outputs name it."""
        return f"{self.name} ({self.sha256[:12]})"

    def thresholds(self, others: Mapping[Population, float]) -> dict[Population, float]:
        """Its operating points; for a population that it does not know, that of the card."""
        return {p: self.populations[p].threshold if p in self.populations else others[p] for p in POPULATIONS}

    def triage(self, population: Population | None) -> Triage | None:
        """The triage of a population; for an unknown one the regions that all share. None where it has none."""
        wanted = POPULATIONS if population is None else (population,)
        if not all(p in self.populations for p in wanted):
            return None
        return narrower([self.populations[p].triage.value for p in wanted])

    def probability(self, probability: float) -> float:
        """Among the site's patients: put right on its cases, and at its prevalence."""
        p, c = min(max(probability, EDGE), 1 - EDGE), self.calibration
        if c.kind == "isotonic":
            x, y = np.array(c.knots).T
            p = float(np.interp(p, x, y))
        log_odds = math.log(p / (1 - p)) / c.temperature + math.log(self.prevalence / (1 - self.prevalence))
        return 1 / (1 + math.exp(-log_odds))

    def check(self, model: str, weights_sha256: str, precision: str) -> None:
        """That it was measured with these.

        Raises:
            SiteProfileMismatch: it was not; says with what.
        """
        for what, measured, here in (
            ("model", self.model, model),
            ("weights", self.weights_sha256[:12], weights_sha256[:12]),
            ("precision", self.precision, precision),
            ("preprocessing", self.preprocessing, preprocessing_here()),
        ):
            if measured != here:
                raise SiteProfileMismatch(self.name, what, measured, here)


def preprocessing_here() -> str:
    """What a profile of this program's is bound to."""
    return fingerprint()


def signed(profile: SiteProfile) -> SiteProfile:
    """With the checksum of its content."""
    return structs.replace(profile, sha256=_checksum(profile))


def write_profile(path: Path, profile: SiteProfile) -> None:
    """Write it whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    write_record(path, signed(profile))


def read_profile(path: Path) -> SiteProfile:
    """Raises:
    SiteProfileDamaged: it cannot be read, is none, or was changed after it was written.
    """
    try:
        profile = read_record(path, SiteProfile)
    except OSError as error:
        raise SiteProfileDamaged(path, error.strerror or "it cannot be read") from error
    except ValueError as error:
        raise SiteProfileDamaged(path, "it is no site profile") from error
    if profile.sha256 != _checksum(profile):
        raise SiteProfileDamaged(path, "it was changed after it was written")
    return profile


def read_profiles(places: Iterable[Path]) -> dict[str, SiteProfile]:
    """Profiles by their models, from files and from folders of them (`*.json`).

    Raises:
        SiteProfileDamaged: one cannot be used.
        SiteProfilesClash: two are for the same model.
    """
    found: dict[str, tuple[Path, SiteProfile]] = {}
    for path in (file for place in places for file in _files(place)):
        profile = _cached(path, _changed(path))
        if profile.model in found:
            raise SiteProfilesClash(profile.model, found[profile.model][0], path)
        found[profile.model] = path, profile
    return {model: profile for model, (_, profile) in found.items()}


def in_force() -> dict[str, SiteProfile]:
    """By their models, the profiles that PULMOSCAN_SITE names: a file, a folder, or several with `os.pathsep` between.

    Raises:
        SiteProfileDamaged, SiteProfilesClash: as `read_profiles`.
    """
    named = variable("SITE")
    # A path may itself hold the sign that separates several.
    places = [named] if named and Path(named).exists() else named.split(os.pathsep)
    return read_profiles(Path(place) for place in places if place)


def not_for(profiles: Iterable[SiteProfile], model: str) -> str:
    """What is said with every result of a model that none of the profiles in force is for, in a sentence."""
    theirs = " and ".join(f"{_title(profile.model)} ({profile.label})" for profile in profiles)
    return (
        f"The site profile in force is for {theirs} and not for {_title(model)}, which goes by operating points that "
        "nobody tested here: choose the other model, or make a profile of this one too with `python -m pulmoscan "
        f"accept --model {model} --profile FILE` and name both in PULMOSCAN_SITE."
    )


def _title(model: str) -> str:
    return MODELS[model].title if model in MODELS else model


def _files(place: Path) -> list[Path]:
    if not place.is_dir():
        return [place]
    files = sorted(place.glob("*.json"))
    if not files:
        raise SiteProfileDamaged(place, "the folder holds no profile (*.json)")
    return files


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError as error:
        raise SiteProfileDamaged(path, error.strerror or "it cannot be read") from error


@lru_cache(maxsize=16)
def _cached(path: Path, changed: int) -> SiteProfile:  # noqa: ARG001 - renews it with its file
    return read_profile(path)


def _checksum(profile: SiteProfile) -> str:
    content = to_builtins(profile)
    del content["sha256"]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

"""Triage bounds from a card's validation scores, for who has no site profile."""

from __future__ import annotations

import re

from pulmoscan.models.card import Card
from pulmoscan.population import POPULATIONS, Population
from pulmoscan.statistics import triage
from pulmoscan.statistics.metrics import Scores
from pulmoscan.statistics.triage import Promise, Triage

PATIENT = re.compile(r"(person\d+|(?:NORMAL\d-)?IM-\d+|\d{8}(?=_\d{3}))")
"""How the file names of the measured splits begin: Kermany et al.'s children, NIH's adults."""


def patient_of(file: str) -> str:
    """The patient in the name of a file of the measured splits; empty where it names none."""
    found = PATIENT.match(file)
    return found.group(1) if found else ""


def independent(scores: Scores) -> Scores:
    """Each patient once, at the worst score; all cases where the files are not known."""
    if not scores.has_files:
        return scores
    return Scores(
        triage.of_patients(scores.normal, [patient_of(file) for file in scores.normal_files], "highest"),
        triage.of_patients(scores.pneumonia, [patient_of(file) for file in scores.pneumonia_files], "lowest"),
    )


def of_validation(card: Card, population: Population | None, promise: Promise) -> Triage | None:
    """The triage of a population, chosen on its validation split; None where that was not measured.

    Args:
        population: None where it is not known: then the regions that children and adults share.
    """
    if population is None:
        known = [found for p in POPULATIONS if (found := of_validation(card, p, promise)) is not None]
        return triage.narrower(known) if len(known) == len(POPULATIONS) else None
    scores = card.scores.get((population, "validation"))
    if scores is None:
        return None
    of_patients = independent(scores)
    return triage.choose(of_patients.pneumonia, of_patients.normal, promise)

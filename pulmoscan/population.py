"""Whom a radiograph shows, child or adult, and whose operating point applies: the only place that decides it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pulmoscan.errors import UnknownPopulation

Population = Literal["child", "adult"]
POPULATIONS: tuple[Population, ...] = ("child", "adult")
PopulationChoice = Literal["auto", "child", "adult"]
POPULATION_CHOICES: tuple[PopulationChoice, ...] = ("auto", "child", "adult")

ADULT_AGE = 18.0
TRAINED_CHILD_AGE = 6.0  # the children in training were 1 to 5 years old


GROUPS: dict[Population, str] = {"child": "children", "adult": "adults"}


@dataclass(frozen=True)
class OperatingPoint:
    """The default threshold for a population, and whose it is (the more sensitive one where unknown)."""

    population: Literal["child", "adult", "unknown"]
    measured_on: Population
    threshold: float


def has_figures(age: float | None) -> bool:
    """Whether anything was measured on patients of that age; nothing was on those of 6 to 17 years."""
    return age is None or not TRAINED_CHILD_AGE <= age < ADULT_AGE


def operating_point(
    thresholds: Mapping[Population, float], population: PopulationChoice = "auto", age: float | None = None
) -> OperatingPoint:
    """The operating point of a population; `auto` goes by age, and without one takes the more sensitive point.

    Args:
        thresholds: the operating point of each population, as a card holds them.

    Raises:
        UnknownPopulation: it is not one of child, adult and auto.
    """
    known = of_patient(population, age)
    if known is None:
        measured_on = min(thresholds, key=lambda p: thresholds[p])
        return OperatingPoint("unknown", measured_on, thresholds[measured_on])
    return OperatingPoint(known, known, thresholds[known])


def of_patient(population: PopulationChoice, age: float | None) -> Population | None:
    """Whose operating point applies; None where neither choice nor age tells.

    Raises:
        UnknownPopulation: the choice is not one of child, adult and auto.
    """
    if population not in POPULATION_CHOICES:
        raise UnknownPopulation(population)
    if population != "auto":
        return population
    if age is None:
        return None
    return "child" if age < ADULT_AGE else "adult"

"""What the same network measures when it is trained the usual way: the figures to set ours beside.

    PULMOSCAN_WEIGHTS=usual python -m pulmoscan train --model resnet18 --no-lung-guidance ...
    PULMOSCAN_WEIGHTS=usual python -m pulmoscan evaluate --model resnet18 --out usual.json ...
    python -m pulmoscan evaluate --model resnet18 --usual usual.json --record ...

Its weights stay out of the repository; its figures are kept in the card of ours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pulmoscan.errors import DatasetError
from pulmoscan.models.card import Card, add_evidence
from pulmoscan.models.registry import get_spec
from pulmoscan.population import Population
from pulmoscan.statistics.metrics import Estimate

FIGURES = (
    "AUC",
    "balanced: sensitivity",
    "balanced: specificity",
    "heat inside lungs",
    "heat inside boxes",
    "peak inside a box",
)

Usual = Mapping[Population, Mapping[str, Estimate]]


def read_usual(path: Path, model: str, split: str) -> Usual:
    """The figures of a file that `evaluate --out` wrote, by population.

    Raises:
        DatasetError: the file is no such thing, or measured another model or split.
    """
    try:
        content = json.loads(path.read_text())
        found = {part["population"]: _figures(part) for part in content if _is_of(part, model, split)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(
            f"{path} is not what “evaluate --out” writes ({error}). Evaluate the usual weights with --out first; "
            "docs/weights.md shows how."
        ) from error
    if not found:
        raise DatasetError(f"{path} measured another model or split than {model}, {split}. Evaluate that one first.")
    return found


def recorded(card: Card, population: Population, split: str) -> Mapping[str, Estimate]:
    """What the card keeps of it; nothing if it was never measured."""
    return card.evidence.get(_heading(population, split), {})


def record(usual: Usual, model: str, split: str) -> None:
    """Keep it in the model's card."""
    for population, figures in usual.items():
        add_evidence(get_spec(model), _heading(population, split), figures)


def describe(figures: Mapping[str, Estimate]) -> Sequence[str]:
    """Lines for the table of `evaluate`."""
    if not figures:
        return []
    return [
        "  the same network trained the usual way, for comparison",
        *(f"    {n:<22} {f.decimal if n == 'AUC' else f.percent}" for n, f in figures.items()),
    ]


def _is_of(part: Mapping[str, Any], model: str, split: str) -> bool:
    return bool(part["model"] == model and part["split"] == split)


def _figures(part: Mapping[str, Any]) -> dict[str, Estimate]:
    return {name: Estimate(**part["figures"][name]) for name in FIGURES if part["figures"].get(name)}


def _heading(population: Population, split: str) -> str:
    return f"trained the usual way, {population}, {split}"

"""File names in the cards -> the radiographs themselves, where their dataset lies on this machine."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from pulmoscan.errors import DatasetError
from pulmoscan.training.data.datasets import load_dataset

logger = logging.getLogger(__name__)

CaseKey = tuple[str, str, str]
"""Population, split and file name: names are unique within a split of a population only."""


def find_cases(folders: Sequence[Path]) -> Mapping[CaseKey, Path]:
    """Where each labelled radiograph lies; folders that are no dataset are passed over."""
    found: dict[CaseKey, Path] = {}
    for folder in folders:
        try:
            examples = load_dataset(folder)
        except (DatasetError, OSError):
            logger.info("No dataset with a known layout in %s", folder.name)
            continue
        for example in examples:
            found.setdefault((example.population, example.split, example.path.name), example.path)
    return found

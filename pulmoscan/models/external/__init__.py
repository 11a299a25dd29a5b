"""Models that others trained and published, used as they are; see docs/external-models.md.

They take the same path as ours (`screening.read`), with a preprocessing, outputs and operating points of their own.
"""

from __future__ import annotations

from importlib.util import find_spec

from pulmoscan.models.registry import EXTERNAL_MODELS, ExternalSpec


def package_is_installed() -> bool:
    """Whether torchxrayvision is there. Looks only: importing it takes seconds."""
    return find_spec("torchxrayvision") is not None


def installed() -> list[ExternalSpec]:
    """The external models whose package and weights file are there, for lists to choose from."""
    return [spec for spec in EXTERNAL_MODELS.values() if package_is_installed() and spec.weights_path.is_file()]

"""The name of a model -> the model, ready to run."""

from __future__ import annotations

from pulmoscan.models.classifier import Classifier, load_own
from pulmoscan.models.registry import ExternalSpec, get_spec


def load_classifier(name: str) -> Classifier:
    """The classifier of that name, ours or an external one, loaded once per process and state of its files.

    Raises:
        UnknownModel: there is no such model.
        WeightsMissing: its weights or its card are not there.
        WeightsDamaged: they are, but cannot be used, or do not belong together.
        InvalidSetting, RuntimeNotInstalled: the environment asks for what cannot be had.
        ModelError: the like, for external models.
    """
    spec = get_spec(name)
    if isinstance(spec, ExternalSpec):
        from pulmoscan.models.external.xrv import load_external  # PyTorch's networks, which ours do without

        return load_external(spec)
    return load_own(spec)

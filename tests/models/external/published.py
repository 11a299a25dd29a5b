"""Weights files of exactly the published format, with random values.

The published files are modules that PyTorch before 1.6 saved on a GPU: pickled with their classes' source code, without
the attributes that modules have had since, and with storages that name `cuda:0`.
"""

from __future__ import annotations

import io
import warnings
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch

from tests.pictures import chest

ATTRIBUTES_OF_2020 = {
    "training", "_parameters", "_buffers", "_backward_hooks", "_forward_hooks", "_forward_pre_hooks",
    "_state_dict_hooks", "_load_state_dict_pre_hooks", "_modules",
}  # fmt: skip


def package() -> Any:
    """torchxrayvision, or the test is skipped."""
    with warnings.catch_warnings():
        return pytest.importorskip("torchxrayvision", reason="torchxrayvision is not installed")


def random_module(seed: int = 0) -> Any:
    """The package's network as its training left it, random but lively: made-up radiographs score differently."""
    xrv = package()
    torch.manual_seed(seed)
    module = xrv.models.DenseNet(num_classes=18, in_channels=1, **xrv.models.get_densenet_params("densenet121"))
    pictures = np.stack([chest(224, 224, number) for number in range(4)]).astype(np.float32)
    batch = torch.from_numpy((2 * pictures - 1) * 1024)[:, None]
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = 1.0
    with torch.no_grad():
        module.train()(batch)
        logits = module.eval()(batch)
        module.classifier.weight.mul_(2 / logits.std(dim=0, keepdim=True).T)
        module.classifier.bias.sub_(module(batch).mean(dim=0) + 2)
    return module


def published_format(module: Any) -> bytes:
    """Save a module as PyTorch 1.4 did on a GPU."""
    for part in module.modules():
        later = {name for name in vars(part) if name.startswith("_") or name == "call_super_init"} - ATTRIBUTES_OF_2020
        for name in later:
            del part.__dict__[name]
    file = io.BytesIO()
    with mock.patch("torch.serialization.location_tag", return_value="cuda:0"):
        torch.save(module, file, _use_new_zipfile_serialization=False)
    return file.getvalue()

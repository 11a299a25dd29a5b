"""PyTorch as it is: the reference on the CPU, and the way to run on a GPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


class Eager:
    """A module as PyTorch runs it, on the CPU with a batch of one."""

    def __init__(self, module: nn.Module, device: str) -> None:
        self._module = module.to(device)
        self._device = device
        self.largest_batch = 1 if device == "cpu" else 32

    def run(self, x: NDArray[np.float32]) -> Sequence[NDArray[np.float32]]:
        # TensorFloat-32 would cost three decimal digits; the flags hold for this turn alone.
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            result = self._module(torch.tensor(x, device=self._device))
        return [output.cpu().numpy() for output in (result if isinstance(result, tuple) else (result,))]

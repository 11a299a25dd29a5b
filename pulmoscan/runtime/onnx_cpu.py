"""ONNX Runtime on the CPU: measured against OpenVINO, and for machines that OpenVINO does not know."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import nn

from pulmoscan.runtime.environment import Settings
from pulmoscan.runtime.source import NetworkSource, cached


class OnnxRuntime:
    """A module as an ONNX graph, with a batch of one and a thread pool of the set size."""

    largest_batch = 1

    def __init__(self, source: NetworkSource, input_shape: tuple[int, ...], name: str, how: Settings) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = how.threads
        options.inter_op_num_threads = 1
        # Threads that spin while they wait would take the cores from whatever else this process has to do.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        graph = cached(source, name, ("onnx", input_shape), lambda: _exported(source.module(), input_shape))
        self._session = onnxruntime.InferenceSession(bytes(graph), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def run(self, x: NDArray[np.float32]) -> Sequence[NDArray[np.float32]]:
        outputs: Sequence[NDArray[np.float32]] = self._session.run(None, {self._input: x})
        return outputs


def _exported(module: nn.Module, input_shape: tuple[int, ...]) -> bytes:
    with torch.no_grad(), warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")  # the exporter by tracing is deprecated; the new one needs a package more
        file = Path(folder) / "network.onnx"
        torch.onnx.export(module, (torch.zeros(input_shape),), file, dynamo=False, opset_version=17)
        return file.read_bytes()

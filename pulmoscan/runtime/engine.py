"""A network's `NetworkSource` -> a `Compiled` network in the runtime that the settings name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pulmoscan.errors import PulmoScanError
from pulmoscan.runtime.environment import Settings, settings
from pulmoscan.runtime.idle_threads import keep_blas_off_the_cores
from pulmoscan.runtime.queueing import queue
from pulmoscan.runtime.source import NetworkSource

logger = logging.getLogger(__name__)

Array = NDArray[np.float32]


class Engine(Protocol):
    """One runtime's part: a batch in, the outputs in their order; never called by two threads at once.

    Attributes:
        largest_batch: how many inputs one call takes. 1 on the CPU, so that no result depends on its neighbours.
    """

    largest_batch: int

    def run(self, x: Array) -> Sequence[Array]:
        """The outputs; arrays may be overwritten by the next run."""


class Compiled:
    """A network ready to run. It is shared by all threads; each result is the caller's own.

    Attributes:
        settings: how it is run.
    """

    def __init__(self, engine: Engine, outputs: Sequence[str], input_shape: Sequence[int], how: Settings) -> None:
        self._engine = engine
        self._outputs = tuple(outputs)
        self._item_shape = tuple(input_shape[1:])
        self.settings = how

    def __call__(self, x: Array) -> dict[str, Array]:
        """Run the network.

        Args:
            x: float32 [N, …], the shape of one input as given to `compile_network`; N at least 1.

        Returns:
            By name, float32 [N, …].
        """
        if x.dtype != np.float32 or x.shape[1:] != self._item_shape or x.shape[0] == 0:
            raise ValueError(f"expected float32 [N, {', '.join(map(str, self._item_shape))}], not {x.dtype} {x.shape}")
        parts: list[list[Array]] = []
        for start in range(0, len(x), self._engine.largest_batch):
            part = np.ascontiguousarray(x[start : start + self._engine.largest_batch])
            with queue:
                parts.append([np.array(output, dtype=np.float32) for output in self._engine.run(part)])
        joined = parts[0] if len(parts) == 1 else [np.concatenate(column) for column in zip(*parts, strict=True)]
        return dict(zip(self._outputs, joined, strict=True))


def compile_network(
    source: NetworkSource, input_shape: Sequence[int], outputs: Sequence[str], name: str, how: Settings | None = None
) -> Compiled:
    """Make a network fast.

    Args:
        input_shape: of a batch of one, such as (1, 3, 224, 224).
        outputs: names of the module's outputs, in their order.
        name: for people, in the cache's file names. What is found there is told by a hash of weights and code.
        how: by default what the environment asks for.

    Raises:
        InvalidSetting, RuntimeNotInstalled: the environment asks for what cannot be had.
        PulmoScanError: whatever `source` raises when it builds.
    """
    how = (how or settings()).settled(reducible=False)
    keep_blas_off_the_cores()
    try:
        engine = _ENGINES[how.runtime](source, tuple(input_shape), name, how)
    except PulmoScanError:
        raise
    except Exception:
        if how.chosen or how.runtime == "torch":
            raise
        # Where nobody asked for this runtime, an odd machine gets the slow one rather than an error.
        logger.exception("%s cannot be used for %s; PyTorch is", how.runtime, name)
        how = Settings("torch", threads=how.threads, chosen=False)
        engine = _ENGINES["torch"](source, tuple(input_shape), name, how)
    return Compiled(engine, outputs, input_shape, how)


def _openvino(source: NetworkSource, input_shape: tuple[int, ...], name: str, how: Settings) -> Engine:
    from pulmoscan.runtime.openvino_cpu import OpenVino

    return OpenVino(source, input_shape, name, how)


def _onnxruntime(source: NetworkSource, input_shape: tuple[int, ...], name: str, how: Settings) -> Engine:
    from pulmoscan.runtime.onnx_cpu import OnnxRuntime

    return OnnxRuntime(source, input_shape, name, how)


def _torch(source: NetworkSource, _input_shape: tuple[int, ...], _name: str, how: Settings) -> Engine:
    from pulmoscan.runtime.eager import Eager

    return Eager(source.module(), "cpu" if how.runtime == "torch" else how.runtime)


_ENGINES: dict[str, Callable[[NetworkSource, tuple[int, ...], str, Settings], Engine]] = {
    "openvino": _openvino,
    "onnxruntime": _onnxruntime,
    "torch": _torch,
    "cuda": _torch,
    "mps": _torch,
}

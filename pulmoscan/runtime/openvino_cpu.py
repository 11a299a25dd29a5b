"""OpenVINO on the CPU."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pulmoscan.runtime.environment import Settings
from pulmoscan.runtime.memory import let_go
from pulmoscan.runtime.source import NetworkSource, cached

CONVERTER = "openvino.tools.ovc"
"""Takes networks of other frameworks, and long to import; OpenVINO does without it where it cannot be had."""

if TYPE_CHECKING:
    import openvino
    from torch import nn

PRECISION_HINTS = {"float32": "f32", "bfloat16": "bf16"}


class OpenVino:
    """A module compiled for this CPU, with a batch of one and a thread pool of the set size."""

    largest_batch = 1

    def __init__(self, source: NetworkSource, input_shape: tuple[int, ...], name: str, how: Settings) -> None:
        import_without_converter()
        import openvino

        core = openvino.Core()
        if source.exact_beginning and how.precision != "float32":
            self._parts = [
                _Part(core, source, input_shape, f"{name}-beginning", replace(how, precision="float32"), slice(1)),
                _Part(core, source, input_shape, f"{name}-rest", how, slice(1, None)),
            ]
        else:
            self._parts = [_Part(core, source, input_shape, name, how)]

    def run(self, x: NDArray[np.float32]) -> Sequence[NDArray[np.float32]]:
        outputs: Sequence[NDArray[np.float32]] = [x]
        for part in self._parts:
            outputs = part.run(outputs[0])
        return outputs


class _Part:
    """A module, or one part of it, in one precision.

    Args:
        input_shape: of the whole module's input.
        which: of the module's parts, if not all.
    """

    def __init__(
        self,
        core: openvino.Core,
        source: NetworkSource,
        input_shape: tuple[int, ...],
        name: str,
        how: Settings,
        which: slice | None = None,
    ) -> None:
        import openvino

        properties: dict[str, Any] = {
            # float32 said out loud: on CPUs with AMX the default is bfloat16.
            "INFERENCE_PRECISION_HINT": PRECISION_HINTS[how.precision],
            "INFERENCE_NUM_THREADS": how.threads,
            "NUM_STREAMS": 1,
            # Pinned threads of two processes would share the first core and leave the second alone.
            "ENABLE_CPU_PINNING": False,
        }
        facts = (
            "openvino",
            input_shape,
            how.precision,
            core.get_property("CPU", "FULL_DEVICE_NAME"),
            core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"),
            *([] if which is None else [which]),
        )

        def build() -> bytes:
            compiled = core.compile_model(_converted(source.module(), input_shape, which), "CPU", properties)
            return bytes(compiled.export_model().getvalue())

        # Also what was compiled just now is read back, so that a first start computes what all later ones do.
        self._content = cached(source, name, facts, build)
        # The network goes on reading from there, since a copy of its own would take as much memory once more.
        writeable = bytearray(self._content) if self._content.readonly else self._content  # OpenVINO takes no other
        self._shared = openvino.Tensor(np.frombuffer(writeable, dtype=np.uint8), shared_memory=True)
        compiled = core.import_model(self._shared, "CPU", properties)
        self._request = compiled.create_infer_request()
        self._outputs = len(compiled.outputs)
        self._has_run = False
        let_go(self._content)

    def run(self, x: NDArray[np.float32]) -> Sequence[NDArray[np.float32]]:
        self._request.infer([x], share_inputs=True)
        if not self._has_run:  # the first time it lays out its weights in the processor's own way, and needs no others
            let_go(self._content)
            self._has_run = True
        return [self._request.get_output_tensor(i).data for i in range(self._outputs)]


def import_without_converter() -> None:
    """Import OpenVINO sooner; whoever wants its converter imports it after all."""
    if "openvino" in sys.modules:
        return
    sys.modules[CONVERTER] = None  # type: ignore[assignment]
    try:
        import openvino  # noqa: F401
    finally:
        sys.modules.pop(CONVERTER, None)


def _converted(module: nn.Module, input_shape: tuple[int, ...], which: slice | None) -> openvino.Model:
    import torch  # a start from the cache does without it, and without the converter
    from openvino.tools.ovc import convert_model

    example = torch.zeros(input_shape)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # OpenVINO goes by torch.jit, which PyTorch means to drop
        if which is not None:
            if not isinstance(module, torch.nn.Sequential):
                raise TypeError("only an nn.Sequential has a beginning")
            example = module[: which.start or 0](example)
            module = module[which]
        return convert_model(module, example_input=example, input=list(example.shape))

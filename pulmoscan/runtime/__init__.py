"""Networks made fast: a torch module's source -> a callable that takes and gives NumPy arrays.

    compiled = compile_network(NetworkSource(build, weights, code), (1, 1, 224, 224), ("mask",), "lungs")
    mask = compiled(grey)["mask"]  # float32 [N, 1, 224, 224] in, float32 [N, …] out

On a CPU that is OpenVINO, else ONNX Runtime or eager PyTorch, whichever `environment` names. The compiled network is
kept on disk (see `cache`), so only the first start of all takes seconds.

Every engine gives a radiograph the same numbers, bit for bit, whether it comes alone or in a batch, from one thread or
many: on the CPU all run one radiograph at a time, and take turns (see `queueing`).
"""

from pulmoscan.runtime.engine import Compiled, compile_network
from pulmoscan.runtime.environment import PRECISIONS, RUNTIMES, Settings, installed, settings
from pulmoscan.runtime.source import NetworkSource

__all__ = [
    "PRECISIONS",
    "RUNTIMES",
    "Compiled",
    "NetworkSource",
    "Settings",
    "compile_network",
    "installed",
    "settings",
]

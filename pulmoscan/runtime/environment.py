"""What the environment asks of the runtime (see `settings`), and what the machine has."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from pulmoscan.errors import InvalidSetting, RuntimeNotInstalled
from pulmoscan.runtime.bfloat16 import computes_in_bfloat16
from pulmoscan.settings import Variable, variable

RUNTIMES = ("openvino", "onnxruntime", "torch", "cuda", "mps")
PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class Settings:
    """How networks are run.

    Attributes:
        runtime: one of `RUNTIMES`.
        precision: one of `PRECISIONS`, or `auto` until `settled`.
        threads: of one forward pass on the CPU.
        chosen: whether the user named the runtime; one that was chosen for them may be replaced where it fails.
    """

    runtime: str
    precision: str = "float32"
    threads: int = 1
    chosen: bool = True

    def settled(self, reducible: bool) -> Settings:
        """With the precision of one network decided.

        Args:
            reducible: whether it was measured that bfloat16 changes nothing that matters in this network.
        """
        if self.precision != "auto":
            return self
        reduced = reducible and self.runtime == "openvino" and computes_in_bfloat16()
        return replace(self, precision="bfloat16" if reduced else "float32")


def settings() -> Settings:
    """The settings in force.

    Raises:
        InvalidSetting: a variable holds what it cannot.
        RuntimeNotInstalled: the runtime that was asked for is not there.
    """
    named = _one_of("RUNTIME", ("auto", *RUNTIMES))
    if named != "auto" and not installed(named):
        raise RuntimeNotInstalled(named)
    precision = _one_of("PRECISION", ("auto", *PRECISIONS))
    runtime = _quickest() if named == "auto" else named
    if precision == "bfloat16" and runtime != "openvino":
        raise InvalidSetting("PULMOSCAN_PRECISION", precision, f"float32; the runtime {runtime} has no other")
    return Settings(runtime, precision, threads(), chosen=named != "auto")


def threads() -> int:
    """Threads of one forward pass on the CPU.

    Raises:
        InvalidSetting: PULMOSCAN_THREADS is not a whole number above 0.
    """
    if text := variable("THREADS"):
        if not text.isdecimal() or int(text) == 0:
            raise InvalidSetting("PULMOSCAN_THREADS", text, "a whole number from 1")
        return int(text)
    # OpenMP allows a list here, one number for each level of nesting.
    outermost = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if outermost.isdecimal() and int(outermost) > 0:
        return int(outermost)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def installed(runtime: str) -> bool:
    """Whether a runtime can be used on this machine."""
    if runtime in ("cuda", "mps"):
        return find_spec("torch") is not None and _has_driver(runtime) and _torch_finds(runtime)
    # ONNX Runtime reads the ONNX format, which PyTorch writes by way of the package of that name.
    needed = ("onnxruntime", "onnx") if runtime == "onnxruntime" else (runtime,)
    return all(find_spec(package) is not None for package in needed)


@cache
def _has_driver(runtime: str) -> bool:
    """Whether there can be such a GPU at all; if not, PyTorch, which takes seconds to import, need not be asked."""
    if runtime == "mps":
        return sys.platform == "darwin"
    if Path("/dev/kfd").exists():  # AMD's, which PyTorch calls cuda too
        return True
    with suppress(OSError):
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        return True
    return False


def _torch_finds(runtime: str) -> bool:
    import torch

    return torch.cuda.is_available() if runtime == "cuda" else torch.backends.mps.is_available()


def _quickest() -> str:
    return next(r for r in ("cuda", "mps", "openvino", "onnxruntime", "torch") if installed(r))


def _one_of(name: Variable, allowed: tuple[str, ...]) -> str:
    value = variable(name).strip().lower() or allowed[0]
    if value not in allowed:
        raise InvalidSetting(f"PULMOSCAN_{name}", value, f"one of: {', '.join(allowed)}")
    return value

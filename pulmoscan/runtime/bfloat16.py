"""Does this processor compute in bfloat16?"""

from __future__ import annotations

from functools import cache
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
FEATURES = frozenset({"avx512_bf16", "amx_bf16", "bf16", "svebf16"})
"""Linux's names of instructions that multiply in it; AVX-512 alone would emulate it, slower than float32."""


@cache
def computes_in_bfloat16() -> bool:
    """Whether it has such instructions; False where the system does not say."""
    try:
        lines = CPU_INFO.read_text().splitlines()
    except OSError:
        return False
    features = next((line.split(":", 1)[1] for line in lines if line.startswith(("flags", "Features"))), "")
    return not FEATURES.isdisjoint(features.split())

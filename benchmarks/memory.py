"""What a process holds in memory and has used of the processor, as Linux's /proc says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def resident_megabytes(process: str = "self") -> float:
    """Of a process, by its number; NaN where the system does not say."""
    with suppress(OSError):
        status = Path(f"/proc/{process}/status").read_text()
        if found := re.search(r"VmRSS:\s+(\d+) kB", status):
            return int(found[1]) * 1024 / 1e6
    return float("nan")


def processor_seconds(process: str) -> float:
    """Of a process and all its threads, by its number; NaN where the system does not say."""
    with suppress(OSError):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # proc(5): utime and stime
    return float("nan")


def libraries_alone() -> float:
    """Of a process that has imported OpenVINO, OpenCV and Streamlit and does nothing more."""
    code = (
        "import streamlit, cv2, openvino; from benchmarks.memory import resident_megabytes; print(resident_megabytes())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout)

"""No command waits for another's libraries."""

from __future__ import annotations

import subprocess
import sys

from tests.conftest import REPOSITORY

SLOW = {"numpy", "pydantic", "cv2", "PIL", "tqdm", "pydicom", "scipy", "pandas", "streamlit", "torch", "openvino"}


def test_the_parser_needs_no_library() -> None:
    code = "import sys; from pulmoscan.cli import _parser; _parser(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert SLOW.isdisjoint(done.stdout.split())

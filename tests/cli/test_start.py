"""No command waits for another's libraries."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY

SLOW = {"numpy", "pydantic", "cv2", "PIL", "tqdm", "pydicom", "scipy", "pandas", "streamlit", "torch", "openvino"}


def imported(code: str) -> set[str]:
    """The modules that are there after it."""
    code = f"import sys; {code}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "code",
    [
        "from pulmoscan.cli import _parser; _parser()",
        "import pulmoscan.reading.isolation",  # its process imports them, while its caller goes on
    ],
)
def test_without_a_library(code: str) -> None:
    assert SLOW.isdisjoint(imported(code))


def test_only_the_command_that_is_named() -> None:
    found = imported("from pulmoscan.cli import main; main(['samples', 'list'])")
    assert "pulmoscan.cli.samples" in found
    assert {"pulmoscan.cli.screen", "pulmoscan.cli.archive"}.isdisjoint(found)


def test_numpy_starts_no_threads_for_its_products() -> None:
    code = "from pulmoscan.cli import main; main(['samples', 'list']); from threadpoolctl import threadpool_info as i; "
    code += "import numpy; print(*(pool['num_threads'] for pool in i() if pool['internal_api'] == 'openblas'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "1"

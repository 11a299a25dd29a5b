"""The example for newcomers, as one command."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY
from tests.hospital.conftest import PLUGIN


@pytest.mark.weights
def test_the_demo_shows_what_came_back() -> None:
    if shutil.which("Orthanc") is None or not PLUGIN.is_file():
        pytest.skip("Orthanc is not installed; on Debian: apt-get install orthanc orthanc-dicomweb")
    command = [sys.executable, "examples/hospital/demo.py", "--model", "resnet18"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Comprehensive SR Storage") == 2
    assert "Pneumonia suspected" in done.stdout
    assert "No sign of pneumonia found" in done.stdout

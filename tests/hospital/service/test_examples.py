"""The examples in docs/hospital.md and examples/hospital, run against a service in a process of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from pulmoscan.hospital.audit import read_key, verify
from tests.conftest import REPOSITORY
from tests.dicoms import dicom, save
from tests.hospital.conftest import free_port, until

TOKEN = "0123456789abcdef0123"


@pytest.fixture(scope="module")
def service(random_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """`pulmoscan serve`: its address, and the folder that holds its audit log and a radiograph."""
    folder, port = tmp_path_factory.mktemp("service"), free_port()
    (folder / "radiograph.dcm").write_bytes(save(dicom(12, 260, 240)))
    env = {**os.environ, "PULMOSCAN_WEIGHTS": str(random_weights), "PULMOSCAN_TOKEN": TOKEN}
    command = [sys.executable, "-m", "pulmoscan", "serve", "--port", str(port), "--audit", str(folder / "audit")]
    with subprocess.Popen(command, env=env, cwd=REPOSITORY) as process:
        url = f"http://127.0.0.1:{port}"

        def answers() -> bool:
            assert process.poll() is None
            try:
                return bool(urlopen(f"{url}/health", timeout=10).status == 200)
            except OSError:
                return False

        until(answers, 300)
        yield url, folder
        process.terminate()
        process.wait(60)


def test_python(service: tuple[str, Path]) -> None:
    url, folder = service
    command = [sys.executable, str(REPOSITORY / "examples/hospital/client.py"), str(folder / "radiograph.dcm"), url]
    bearing = [{**os.environ, "PULMOSCAN_TOKEN": token} for token in (TOKEN, "wrong")]
    done, wrong = (subprocess.run(command, env=env, capture_output=True, text=True, check=False) for env in bearing)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"(pneumonia|normal): probability 0\.\d{3}, threshold 0\.\d{3}\n", done.stdout)
    assert (wrong.returncode, wrong.stderr.split(":")[0]) == (1, "not-authorised")


def test_curl(service: tuple[str, Path]) -> None:
    """Each line of the document that begins with curl."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    url, folder = service
    text = (REPOSITORY / "docs" / "hospital.md").read_text().replace("\\\n", " ")
    commands = [line for line in text.splitlines() if line.startswith("curl ")]
    assert len(commands) >= 3
    for command in commands:
        words = command.replace("http://127.0.0.1:8600", url)
        subprocess.run(
            ["bash", "-c", words], cwd=folder, env={**os.environ, "PULMOSCAN_TOKEN": TOKEN}, timeout=300, check=True
        )
    assert json.loads((folder / "result.json").read_text())["label"] in ("pneumonia", "normal")
    assert (folder / "overlay.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "report.dcm").read_bytes()[128:132] == b"DICM"
    found = verify(folder / "audit" / "audit.jsonl", read_key(folder / "audit" / "audit.key"))
    assert (found.faults, found.lines >= 3) == ((), True)

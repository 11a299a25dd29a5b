"""Pin every file that `make app` installs, with its hashes: `make lock`.

uv resolves requirements.txt for every Python from 3.10 on and every system at once, and asks the package index for the
SHA-256 of each file. What comes out is kept in two files, since PyTorch may come from another index than the rest
(`make app TORCH_INDEX=…`): its build without CUDA does without a dozen packages, and has other hashes.

    requirements.lock        all but these
    requirements-torch.lock  PyTorch, torchvision, and CUDA's libraries for Linux

Versions that are pinned already stay where they can; `make lock UPGRADE=--upgrade` takes the newest.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
APP_LOCK, TORCH_LOCK = ROOT / "requirements.lock", ROOT / "requirements-torch.lock"
OLDEST_PYTHON = "3.10"

TORCH_FAMILY = re.compile(r"(torch|torchvision|triton|nvidia-[\w-]+|cuda-[\w-]+)==")
HEADING = """\
# Written by `make lock` from requirements.txt; {contents}.
# Every file has its SHA-256: pip install --require-hashes -r {name}
"""


@dataclass(frozen=True)
class Pin:
    """One package at one version, for the systems that its marker names.

    Attributes:
        name: as the package index normalises it.
        sha256: of each of its files, in hexadecimal.
    """

    name: str
    version: str
    requirement: Requirement
    sha256: tuple[str, ...]

    @property
    def holds_here(self) -> bool:
        """Whether it is what this Python on this system gets."""
        return self.requirement.marker is None or self.requirement.marker.evaluate()


def pins(locks: Iterable[Path] = (APP_LOCK, TORCH_LOCK)) -> list[Pin]:
    """Everything that is pinned, in the files' order; a package may be there once for each Python."""
    return [_pin(entry) for lock in locks for entry in entries(lock.read_text())]


def entries(lock: str) -> list[str]:
    """A lock's requirements, each with the lines of its hashes and of who asked for it."""
    return re.findall(r"^[^\s#].*\n(?:[ \t]+.*\n)*", lock, re.MULTILINE)


def split(lock: str) -> tuple[str, str]:
    """What uv wrote -> the two files' contents."""
    torch = [entry for entry in entries(lock) if TORCH_FAMILY.match(entry)]
    rest = [entry for entry in entries(lock) if not TORCH_FAMILY.match(entry)]
    return (
        HEADING.format(contents="all but PyTorch", name=APP_LOCK.name) + "".join(rest),
        HEADING.format(contents="PyTorch alone", name=TORCH_LOCK.name) + "".join(torch),
    )


def _pin(entry: str) -> Pin:
    requirement = Requirement(entry.splitlines()[0].removesuffix("\\").strip())
    (version,) = (specifier.version for specifier in requirement.specifier)
    hashes = tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", entry))
    return Pin(canonicalize_name(requirement.name), version, requirement, hashes)


def _resolve(pinned: str, options: list[str]) -> str:
    """Ask uv; `pinned` is what was locked before."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "all.lock"
        out.write_text(pinned)
        command = ["uv", "pip", "compile", "requirements.txt", "--universal", "--generate-hashes", "--no-header"]
        command += ["--python-version", OLDEST_PYTHON, "--quiet", "--output-file", str(out), *options]
        subprocess.run([sys.executable, "-m", *command], cwd=ROOT, check=True)
        return out.read_text()


def main() -> None:
    """Write both files; what stands after the command's name goes to uv."""
    before = "".join(file.read_text() for file in (APP_LOCK, TORCH_LOCK) if file.is_file())
    app, torch = split(_resolve(before, sys.argv[1:]))
    APP_LOCK.write_text(app)
    TORCH_LOCK.write_text(torch)


if __name__ == "__main__":
    main()

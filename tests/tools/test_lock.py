"""The lock: whole, for every Python and system, and made of what requirements.txt asks for."""

from __future__ import annotations

import re

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.lock import APP_LOCK, ROOT, TORCH_LOCK, entries, pins, split


def listed() -> list[Requirement]:
    lines = (re.sub(r"\s*#.*", "", line) for line in (ROOT / "requirements.txt").read_text().splitlines())
    return [Requirement(line) for line in lines if line]


def test_every_requirement_is_pinned_within_its_bounds() -> None:
    for requirement in listed():
        versions = [pin.version for pin in pins() if pin.name == canonicalize_name(requirement.name)]
        assert versions, f"{requirement} is not locked: run `make lock`"
        assert all(requirement.specifier.contains(version) for version in versions)


def test_every_file_has_its_hash() -> None:
    assert len(pins()) > 60
    assert all(pin.sha256 for pin in pins())
    text = APP_LOCK.read_text() + TORCH_LOCK.read_text()
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", text)) == sum(len(pin.sha256) for pin in pins())


def test_each_python_gets_each_package_once() -> None:
    for python in ("3.10", "3.11", "3.12", "3.13", "3.14"):
        for system, machine in (("linux", "x86_64"), ("darwin", "arm64"), ("win32", "AMD64")):
            place = {"python_version": python, "python_full_version": f"{python}.4", "sys_platform": system}
            place |= {"platform_machine": machine}
            names = [
                pin.name for pin in pins() if pin.requirement.marker is None or pin.requirement.marker.evaluate(place)
            ]
            assert len(names) == len(set(names))
            assert {canonicalize_name(requirement.name) for requirement in listed()} <= set(names)


def test_pytorch_and_cuda_stand_apart() -> None:
    """So that PyTorch can come from another index, whose build needs no CUDA and has other hashes."""
    apart = {pin.name for pin in pins([TORCH_LOCK])}
    assert {"torch", "torchvision"} <= apart
    assert not {name for name in {pin.name for pin in pins([APP_LOCK])} if name.startswith(("nvidia", "cuda", "torch"))}
    assert not apart & {pin.name for pin in pins([APP_LOCK])}


def test_splitting_loses_nothing() -> None:
    first = "numpy==2.0 \\\n    --hash=sha256:0\n    # via x\n"
    second = "nvidia-nccl-cu13==1 ; sys_platform == 'linux'\n"
    rest, torch = split(f"# by uv\n{first}{second}torch==2\n")
    assert entries(rest) == [first]
    assert entries(torch) == [second, "torch==2\n"]

"""Weights files are read without running anything that they name."""

from __future__ import annotations

import collections
import functools
import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from pulmoscan.models.external import allow_list
from pulmoscan.models.external.allow_list import MAGIC, Refused, state_dict
from tests.models.external.published import package, random_module


def test_gives_what_the_module_was_saved_with(weights_file: bytes) -> None:
    expected = random_module().state_dict()
    found = state_dict(weights_file)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].device.type == "cpu"
        torch.testing.assert_close(found[name], value, rtol=0, atol=0)


def test_pytorchs_own_safe_loading_refuses_the_published_layout(weights_file: bytes) -> None:
    """The reason for the allow-list: should this fail one day, `weights_only=True` can replace it."""
    xrv, nn = package(), torch.nn
    named = [xrv.models.DenseNet, xrv.models._DenseBlock, xrv.models._DenseLayer, xrv.models._Transition]
    named += [nn.Sequential, nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d, nn.AvgPool2d, nn.Linear, set]
    with torch.serialization.safe_globals(named), pytest.raises(pickle.UnpicklingError, match="persistent_load"):
        torch.load(io.BytesIO(weights_file), weights_only=True)


# Files that mean harm


class Calls:
    """Pickles as a call of anything."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


def old_format(content: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=False)
    return file.getvalue()


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A file that exists once code of a weights file has run."""
    return tmp_path / "sprung"


@pytest.mark.parametrize(
    "harm",
    [
        lambda trap: Calls(os.system, f"touch {trap}"),
        lambda trap: Calls(eval, f"open({str(trap)!r}, 'w')"),
        lambda trap: Calls(exec, f"open({str(trap)!r}, 'w')"),
        lambda trap: Calls(open, str(trap), "w"),
        lambda trap: Calls(Path.touch, trap),
        lambda trap: Calls(pickle.loads, pickle.dumps(Calls(os.system, f"touch {trap}"))),
        lambda trap: Calls(functools.partial, os.system, f"touch {trap}"),
        lambda _: Calls(__import__, "os"),
        lambda trap: Calls(torch.save, torch.zeros(1), str(trap)),
        lambda trap: [torch.zeros(1), {"deep": Calls(os.system, f"touch {trap}")}],
    ],
)
def test_evil_pickle_is_refused_and_runs_nothing(harm: Callable[[Path], object], trap: Path) -> None:
    data = old_format(harm(trap))
    with pytest.raises(Refused, match="names"):
        state_dict(data)
    assert not trap.exists()


def test_the_trap_is_real(trap: Path) -> None:
    torch.load(io.BytesIO(old_format(Calls(os.system, f"touch {trap}"))), weights_only=False)
    assert trap.exists()


def test_evil_header_is_refused(trap: Path) -> None:
    """PyTorch unpickles magic number, protocol and system before the content."""
    header = MAGIC + pickle.dumps(1001, 2) + pickle.dumps(Calls(os.system, f"touch {trap}"), 2)
    with pytest.raises(Refused, match="system"):
        state_dict(header)
    assert not trap.exists()


def test_evil_list_of_storages_is_refused(trap: Path) -> None:
    content = MAGIC + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": True}, 2) + pickle.dumps({}, 2)
    with pytest.raises(Refused, match="system"):
        state_dict(content + pickle.dumps(Calls(os.system, f"touch {trap}"), 2))
    assert not trap.exists()


def test_names_with_dots_reach_nothing() -> None:
    with pytest.raises(Refused):
        allow_list.Unpickler(
            io.BytesIO(b"\x80\x04\x8c\x1atorch.nn.modules.container\x8c\x13Sequential.__init__\x93.")
        ).load()


@pytest.mark.parametrize("name", [key for key in allow_list.ALLOWED if key[0] != "builtins"], ids="-".join)
def test_nothing_on_the_list_can_be_altered(name: tuple[str, str]) -> None:
    """BUILD with attributes for a class or function on the list, not for an object made of it."""
    module, attribute = name
    for state in (b"}X\x01\x00\x00\x00aK\x01s", b"N}X\x0b\x00\x00\x00dump_patchesK\x01s\x86"):
        stream = b"\x80\x02c" + module.encode() + b"\n" + attribute.encode() + b"\n" + state + b"b."
        before = dict(vars(allow_list.Inert))
        with pytest.raises(Exception):  # noqa: B017, PT011 - Refused, TypeError, AttributeError: none may pass
            allow_list.Unpickler(io.BytesIO(stream)).load()
        assert dict(vars(allow_list.Inert)) == before


@pytest.mark.parametrize("content", [{}, [], None, torch.zeros(2), collections.OrderedDict(weight=torch.zeros(2))])
def test_anything_but_a_module_is_refused(content: object) -> None:
    with pytest.raises(Refused, match="module"):
        state_dict(old_format(content))


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"<html>blocked</html>", b"\x80\x02K\x01."])
def test_anything_but_the_published_format_is_refused(data: bytes) -> None:
    with pytest.raises(Refused, match="format"):
        state_dict(data)


def test_archives_are_refused() -> None:
    """A ZIP could hold TorchScript, which is code and which `torch.load` passes on to `torch.jit.load`."""
    file = io.BytesIO()
    torch.save(torch.nn.Linear(2, 2), file)
    with pytest.raises(Refused, match="format"):
        state_dict(file.getvalue())


@pytest.mark.parametrize("share", [0.001, 0.3, 0.999])
def test_truncated_file_is_an_error(weights_file: bytes, share: float) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011 - as documented: PyTorch raises what it likes
        state_dict(weights_file[: int(share * len(weights_file))])

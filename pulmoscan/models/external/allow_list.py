"""An unpickler for `torch.load(…, pickle_module=allow_list)` that runs nothing of what a pickle names.

torchxrayvision's weights files hold a whole module, pickled as PyTorch before 1.6 did it. `torch.load` with
`weights_only=True` refuses that layout, whatever `torch.serialization.safe_globals` allows: classes are stored there
with their source code, and its unpickler takes no such entries. And `weights_only=False` runs whatever a file asks for.

Hence this list. Containers and tensors are rebuilt; every class of a module becomes an `Inert` that keeps its
attributes; any other name is refused, and no module is ever imported. `state_dict` then picks the tensors out.
"""

from __future__ import annotations

import io
import pickle
import sys
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import torch

MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""How a file of PyTorch before 1.6 begins: its magic number, pickled. Later files are ZIP archives."""


class Refused(pickle.UnpicklingError):
    """The file asks for something that no published weights file needs; the message names it."""


class Inert:
    """Stands in for a module's class: an object that keeps the attributes and does nothing."""

    dump_patches = False  # torch.load asks; where it is true, it would write a file

    def __init__(self) -> None:
        self.attributes: dict[str, Any] = {}

    def __setstate__(self, state: object) -> None:
        if type(state) is not dict:
            raise Refused("a module whose attributes are no dictionary")
        self.attributes = state


class _Function:
    """A function that a pickle may call, and whose attributes it cannot set."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., object]) -> None:
        self._call = call

    def __call__(self, *arguments: Any) -> object:
        return self._call(*arguments)

    def __setstate__(self, state: object) -> None:
        raise Refused("attributes for a function")


def _tensor(storage: Any, offset: int, size: Any, stride: Any, *_: object) -> torch.Tensor:
    return torch._utils._rebuild_tensor_v2(storage, offset, size, stride, False, OrderedDict())


ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("__builtin__", "set"): set,
    ("builtins", "set"): set,
    ("torch._utils", "_rebuild_tensor_v2"): _Function(_tensor),
    ("torch._utils", "_rebuild_parameter"): _Function(lambda tensor, *_: tensor),
    # Modules of PyTorch before 1.4 carry it along.
    ("torch.nn.backends.thnn", "_get_thnn_function_backend"): _Function(lambda: None),
    **{("torchxrayvision.models", c): Inert for c in ("DenseNet", "_DenseBlock", "_DenseLayer", "_Transition")},
    ("torch.nn.modules.container", "Sequential"): Inert,
    ("torch.nn.modules.conv", "Conv2d"): Inert,
    ("torch.nn.modules.batchnorm", "BatchNorm2d"): Inert,
    ("torch.nn.modules.activation", "ReLU"): Inert,
    ("torch.nn.modules.linear", "Linear"): Inert,
    **{("torch.nn.modules.pooling", c): Inert for c in ("MaxPool2d", "AvgPool2d")},
}


class Unpickler(pickle.Unpickler):
    """What `torch.load` asks a pickle module for. Storages it allows itself, by a list of its own."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return ALLOWED[module, name]
        except KeyError:
            raise Refused(f"it names {module}.{name}, which no published weights file needs") from None


def load(file: Any, **options: Any) -> Any:
    """As `pickle.load`; `torch.load` reads the file's header with it."""
    return Unpickler(file, **options).load()


def state_dict(data: bytes) -> dict[str, torch.Tensor]:
    """The parameters and buffers of the module in a weights file of PyTorch before 1.6, by name, on the CPU.

    Raises:
        Refused: it asks for anything off the list, or is no such file.
        Exception: it is damaged; PyTorch raises what it likes.
    """
    if not data.startswith(MAGIC):
        raise Refused("it is not a weights file of the published format")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the source code of `Inert` is another than the published one
        module = torch.load(
            io.BytesIO(data), map_location="cpu", pickle_module=sys.modules[__name__], weights_only=False
        )
    return dict(_tensors(module, ""))


def _tensors(module: object, prefix: str) -> Iterator[tuple[str, torch.Tensor]]:
    """Each tensor under the name that the module's own `state_dict()` would give it."""
    if not isinstance(module, Inert):
        raise Refused("it holds something else than a module")
    for kind in ("_parameters", "_buffers"):
        for name, value in _items(module, kind):
            if isinstance(value, torch.Tensor):
                yield prefix + name, value.detach()
            elif value is not None:
                raise Refused("it holds something else than tensors")
    for name, child in _items(module, "_modules"):
        yield from _tensors(child, f"{prefix}{name}.")


def _items(module: Inert, kind: str) -> list[tuple[str, Any]]:
    found = module.attributes.get(kind)
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise Refused("a module in it lacks its parts")
    return list(found.items())

"""What a network is made from, and what was made of it before."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from pulmoscan.runtime import cache

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, eq=False)
class NetworkSource:
    """A network that is built only where it was not compiled before.

    Attributes:
        build: makes the module, which takes one float32 tensor [N, …] and gives one, or a tuple of them, each [N, …].
        weights: whatever tells its weights from all others.
        code: the files of this package that say what it computes.
        exact_beginning: whether the module is an `nn.Sequential` whose first part is computed in float32 whatever the
            precision of the others: what is rounded there goes through all that follows.
    """

    build: Callable[[], nn.Module]
    weights: bytes
    code: Sequence[Path]
    exact_beginning: bool = False

    def module(self) -> nn.Module:
        """The module in eval mode, frozen."""
        return self.build().eval().requires_grad_(False)

    @functools.cached_property
    def digest(self) -> bytes:
        """Tells its code and weights from all others."""
        parts = (*(path.read_bytes() for path in self.code), self.weights)
        return b"".join(hashlib.sha256(part).digest() for part in parts)


def cached(source: NetworkSource, name: str, facts: Sequence[object], make: Callable[[], bytes]) -> memoryview:
    """What `make` gives, from the cache if it was made before of the same weights and code, with the same facts."""
    digest = hashlib.sha256(repr((*facts, cache.MAGIC, _versions())).encode())
    digest.update(source.digest)
    key = digest.hexdigest()[:32]
    content = cache.load(name, key)
    if content is None:
        made = make()
        cache.store(name, key, made)
        content = cache.load(name, key) or memoryview(made)
    return content


@functools.cache
def _versions() -> list[str]:
    """Of the packages that say what the rest of a module computes, and how it is compiled."""
    found = []
    for package in ("torch", "torchvision", "openvino", "onnx"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return found

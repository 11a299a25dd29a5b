"""Networks are large and slow to load: each is loaded once, for as long as its files stay as they are."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """What is made from files, by name; made anew once a file changes. Safe to call from many threads."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[Hashable, T]] = {}
        self._lock = threading.Lock()

    def get(self, name: str, files: Sequence[Path], make: Callable[[], T], *also: Hashable) -> T:
        """What `make` gave for these files, as they are now.

        Args:
            also: whatever else it depends on.
        """
        with self._lock:
            state = (*(_state(path) for path in files), *also)
            if self._made.get(name, (None,))[0] != state:
                self._made.pop(name, None)  # after an error there is none, rather than the old one
                self._made[name] = (state, make())
            return self._made[name][1]


def _state(path: Path) -> Hashable:
    """Tells a file from its successor, so that replaced weights are never answered for by the old ones."""
    try:
        status = path.stat()
    except OSError:
        return path, None
    return path, status.st_mtime_ns, status.st_size

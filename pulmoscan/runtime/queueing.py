"""Whose turn it is to compute.

A forward pass uses every core it may. Two at once would only get in each other's way, so they take queue, over all
models of the process, and in the order in which they came: a lock of Python's own may pass one thread over again and
again.
"""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType


class FairQueue:
    """A lock that goes to whoever has waited longest; for `with`."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Lock] = deque()

    def __enter__(self) -> None:
        with self._mutex:
            if not self._taken:
                self._taken = True
                return
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        try:
            turn.acquire()  # until whoever is before hands over
        except BaseException:  # Ctrl-C: nobody may wait for a turn that is never ended
            with self._mutex:
                given_up = turn in self._waiting
                if given_up:
                    self._waiting.remove(turn)
            if not given_up:
                self._hand_over()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._hand_over()

    def _hand_over(self) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False


queue = FairQueue()
"""The one queue of this process."""

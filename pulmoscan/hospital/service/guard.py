"""Who may ask the service, and how often."""

from __future__ import annotations

import hmac
import threading
import time
from collections import OrderedDict
from pathlib import Path

from pulmoscan.errors import TokenUnusable
from pulmoscan.settings import variable

LEAST_LENGTH = 16
"""Characters of a token; shorter ones can be tried out."""
MOST_CLIENTS = 10_000


def read_token(path: Path | None) -> str:
    """The token in a file, else that of PULMOSCAN_TOKEN; empty where neither is given.

    Raises:
        TokenUnusable: it cannot be read, or is too short.
    """
    where, token = (str(path), "") if path else ("PULMOSCAN_TOKEN", variable("TOKEN"))
    if path:
        try:
            token = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TokenUnusable(where, "it cannot be read") from error
    token = token.strip()
    if (path or token) and len(token) < LEAST_LENGTH:
        raise TokenUnusable(where, f"it has fewer than {LEAST_LENGTH} characters")
    return token


def allows(token: str, header: str | None) -> bool:
    """Whether an Authorization header bears the token; it takes as long, however much of it is right."""
    kind, _, given = (header or "").partition(" ")
    return not token or (kind.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode()))


class Rate:
    """So many requests a minute of each client, with as many at once; for many threads.

    Args:
        a_minute: of one client.
    """

    def __init__(self, a_minute: float) -> None:
        self._a_minute = a_minute
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def seconds_to_wait(self, client: str) -> float:
        """0 where the client may go on, which counts as a request; else how long until it may."""
        now = time.monotonic()
        with self._lock:
            left, since = self._left.pop(client, (self._a_minute, now))
            left = min(self._a_minute, left + (now - since) * self._a_minute / 60)
            waits = 0.0 if left >= 1 else (1 - left) * 60 / self._a_minute
            self._left[client] = (left if waits else left - 1, now)
            while len(self._left) > MOST_CLIENTS:
                self._left.popitem(last=False)
        return waits

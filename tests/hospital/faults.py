"""A node with made-up readings in a process of its own, which is killed at a chosen moment."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pulmoscan.hospital.configuration import Configuration
from pulmoscan.hospital.dimse import DimseArchive
from pulmoscan.hospital.node import Node
from pulmoscan.hospital.queue import Queue
from pulmoscan.hospital.spool import Spool
from tests.batch.quick import quick

MOMENTS: dict[str, tuple[Any, str, bool]] = {
    "before it is stored": (Spool, "take", True),
    "stored and not yet in the queue": (Spool, "take", False),
    "in the queue and not yet acknowledged": (Queue, "receive", False),
    "begun to be screened": (Queue, "begin", False),
    "a result is written": (Spool, "write_result", False),
    "before it is screened": (Queue, "finish", True),
    "screened": (Queue, "finish", False),
    "before it is sent": (DimseArchive, "send", True),
    "sent and not yet recorded": (DimseArchive, "_store", False),
    "recorded as sent": (Queue, "sent", False),
    "commitment is asked for": (DimseArchive, "_ask", True),
    "before a commitment is recorded": (Queue, "committed", True),
    "let go and not yet removed": (Queue, "removed", False),
}
"""What is wrapped, and whether the node dies before or after it."""


def dying(patch: pytest.MonkeyPatch, moment: str) -> None:
    """Kill this process at the moment."""
    owner, attribute, before = MOMENTS[moment]
    true: Callable[..., Any] = getattr(owner, attribute)

    def last(*arguments: Any, **options: Any) -> Any:
        if attribute == "removed" and not any(arguments[1:]):
            return true(*arguments, **options)
        found = None if before else true(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)
        return found

    patch.setattr(owner, attribute, last)


def start_quick(settings: Configuration, die: str = "", log: Path | None = None) -> int:
    """Run the node in a fork of this process until it is killed; the process's number."""
    process = os.fork()
    if process:
        return process
    try:
        if log:
            os.dup2(os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644), 2)
            sys.stderr = os.fdopen(2, "w", encoding="utf-8")
        with quick() as patch:
            patch.setattr("pulmoscan.hospital.node.load_model", sys.modules["pulmoscan.screening"].load_model)
            patch.setattr("pulmoscan.hospital.node.TROUBLE_SECONDS", 0.2)
            patch.setattr("pulmoscan.hospital.node.TIDY_SECONDS", 0.2)
            if die:
                dying(patch, die)
            Node(settings).start()
            time.sleep(600)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(70)

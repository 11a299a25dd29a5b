"""The process that decodes files for another one: `pulmoscan.reading.isolation` starts it and talks to it.

It reads `(decoder, bytes)` from standard input and answers on standard output, each a pickle, until its input ends.
Large arrays go by way of anonymous memory (Linux), so that they are copied once.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import IO

MEMORY_BYTES = 2 * 2**30
"""What a file may take beyond what the process takes by itself."""


def main(channel: int = -1) -> None:
    """Serve until standard input ends. Nothing else may be written: a decoder's message could quote the patient.

    Args:
        channel: number of a Unix socket that memory is handed over by; -1 where there is none.
    """
    memory = socket.socket(fileno=channel) if channel >= 0 else None
    answers = os.fdopen(os.dup(1), "wb")
    questions = os.fdopen(os.dup(0), "rb")
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    warnings.simplefilter("ignore")

    from pulmoscan.errors import RadiographError
    from pulmoscan.reading.radiograph import HERE

    _limit_memory()
    _answer(True, answers, memory)  # ready
    answer: object
    while True:
        try:
            decoder, data = pickle.load(questions)
        except EOFError:
            return
        try:
            answer = getattr(HERE, decoder)(data)
        except RadiographError as error:
            # MemoryError is an exception like others to whoever catches them all.
            answer = MemoryError if _ran_out(error) else (type(error), str(error))
        except MemoryError:
            answer = MemoryError
        except Exception:
            answer = None
        del data
        _answer(answer, answers, memory)
        if answer is MemoryError:
            sys.exit()  # what is left of it is in pieces
        answer = None


def _answer(answer: object, answers: IO[bytes], memory: socket.socket | None) -> None:
    """Write `(pickle, sizes)`: where there are sizes, arrays of these many bytes lie in memory that is sent apart."""
    arrays: list[pickle.PickleBuffer] = []
    body = pickle.dumps(answer, 5, buffer_callback=arrays.append if memory else None)
    raw = [array.raw() for array in arrays]
    pickle.dump((body, [len(array) for array in raw]), answers, protocol=5)
    answers.flush()
    if raw and memory:
        _send(raw, memory)


def _send(raw: Sequence[memoryview], memory: socket.socket) -> None:
    """Hand the arrays over, one after the other, in memory that nobody can change any more."""
    if sys.platform != "linux":
        return
    import fcntl

    file = os.memfd_create("radiograph", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        for array in raw:
            left = array
            while left:
                left = left[os.write(file, left) :]
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE)
        socket.send_fds(memory, [b"."], [file])
    finally:
        os.close(file)


def _ran_out(error: BaseException) -> bool:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, MemoryError):
            return True
        seen = seen.__cause__
    return False


def _limit_memory() -> None:
    """Where the system can: Linux and other Unix."""
    if sys.platform == "win32":
        return
    import resource

    try:
        own = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (own + MEMORY_BYTES, hard))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump would hold pixels
    except (OSError, ValueError):
        return

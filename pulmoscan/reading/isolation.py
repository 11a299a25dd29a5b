"""Files that others have made are unpacked in a process of their own: what kills a decoder costs that one file.

Uncompressed DICOM files need no decoder and are read by whoever asks. The decoders are C and Rust; a hostile file may
make one crash, loop or fill the memory. The processes are kept warm, so that a file costs a copy of its bytes there and
of its grey values back. They are no prison: whoever takes over a decoder has the rights of the user who runs PulmoScan.
"""

from __future__ import annotations

import atexit
import itertools
import logging
import mmap
import os
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pulmoscan.errors import NotDecoded, RadiographError
from pulmoscan.settings import variable

# `reading.radiograph` is imported where a file is read: so that a process can be started before NumPy is imported here,
# and imports it at the same time.
if TYPE_CHECKING:
    from pulmoscan.reading.radiograph import Decoders, Radiograph

SECONDS = 30.0
"""A file that takes longer to decode is given up; 50 megapixels of JPEG 2000 take 5 to 10 on an idle core."""

START_SECONDS = 120.0
"""For a process to start: on a busy machine its imports alone take many seconds."""
CRASHED = "its decoder crashed on it"
SLOW = f"it takes more than {SECONDS:.0f} seconds"
LARGE = "it takes more memory than one file is given"
FAILED = "its decoder failed on it"
START = "import sys; sys.path[:] = sys.argv[1:]; from pulmoscan.reading.worker import main; main(int(sys.path.pop()))"

DecoderName = Literal["picture", "stored"]

logger = logging.getLogger(__name__)


def load_apart(data: bytes, name: str = "") -> Radiograph:
    """`load_radiograph` for bytes, with its decoders in another process. Safe to call from many threads.

    PULMOSCAN_DECODING=here decodes in this process, as does a system that starts no other.

    Raises:
        RadiographError: as `load_radiograph`, and NotDecoded where a decoder crashed or hit a limit.
    """
    from pulmoscan.reading.radiograph import HERE, load_radiograph

    return load_radiograph(data, name, HERE if variable("DECODING") == "here" else apart(_decoders))


def warm_up() -> None:
    """Start a process before it is needed: it takes about a second to be ready."""
    if variable("DECODING") != "here":
        _decoders.warm_up()


class Gone(Exception):
    """A process that has ended by itself, perhaps while it was idle, and then through no fault of the file.

    Attributes:
        asked: whether it had been given the file.
    """

    def __init__(self, asked: bool) -> None:
        super().__init__(asked)
        self.asked = asked


class _Decoder:
    """One process, for one file at a time.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self) -> None:
        places = [str(Path(__file__).parents[2]), *filter(None, sys.path)]
        ours, theirs = socket.socketpair() if sys.platform == "linux" else (None, None)
        self.memory = ours
        self.ready = False
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-c", START, *places, str(theirs.fileno() if theirs else -1)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()] if theirs else (),
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
        except OSError:
            if ours:
                ours.close()
            raise
        finally:
            if theirs:
                theirs.close()

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def decode(self, decoder: DecoderName, data: bytes) -> object:
        """What the decoder makes of the bytes.

        Raises:
            RadiographError: what the decoder raised, or NotDecoded.
            Gone: the process has ended by itself.
        """
        if not self.ready:
            self.ready = bool(self._within(START_SECONDS, self._receive))
        self._within(SECONDS, lambda: self._send(decoder, data))
        answer = self._within(SECONDS, self._receive)
        if answer is None or answer is MemoryError:
            self.end()  # what is left of its memory is in pieces
            raise NotDecoded(LARGE if answer is MemoryError else FAILED)
        if isinstance(answer, tuple):
            kind, message = answer
            error: RadiographError = kind.__new__(kind)
            error.args = (message,)
            raise error
        return answer

    def _within(self, seconds: float, step: Callable[[], object]) -> object:
        """A step of the conversation, at whose failure or delay the process ends."""
        late = threading.Event()

        def end() -> None:
            late.set()
            self.process.kill()

        watch = threading.Timer(seconds, end)
        watch.daemon = True
        watch.start()
        try:
            return step()
        except (EOFError, OSError, ValueError, pickle.UnpicklingError) as error:
            self.end()
            if late.is_set() and self.ready:
                raise NotDecoded(SLOW) from error
            raise Gone(asked=self.ready) from error
        except BaseException:  # Ctrl-C: the answer would be the next file's
            self.end()
            raise
        finally:
            watch.cancel()

    def _send(self, decoder: DecoderName, data: bytes) -> None:
        if self.process.stdin is None:
            raise EOFError
        pickle.dump((decoder, data), self.process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
        self.process.stdin.flush()

    def _receive(self) -> object:
        if self.process.stdout is None:
            raise EOFError
        body, sizes = pickle.load(self.process.stdout)
        return pickle.loads(body, buffers=self._arrays(sizes))

    def _arrays(self, sizes: list[int]) -> list[memoryview]:
        """What the process has put into memory for us, not copied."""
        if not sizes or self.memory is None:
            return []
        _, (file, *_), *_ = socket.recv_fds(self.memory, 1, 1)
        try:
            whole = memoryview(mmap.mmap(file, sum(sizes), flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ))
        finally:
            os.close(file)
        ends = itertools.accumulate(sizes)
        return [whole[end - size : end] for end, size in zip(ends, sizes, strict=True)]

    def end(self) -> None:
        """Stop the process, whatever it does."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.memory):
            if stream:
                try:
                    stream.close()
                except OSError:
                    continue


class _Decoders:
    """As many processes as files are decoded at once, up to a limit; each is used again."""

    def __init__(self, most: int) -> None:
        self._turns = threading.BoundedSemaphore(most)
        self._lock = threading.Lock()
        self._idle: list[_Decoder] = []
        self._ends_with_us = False

    def decode(self, name: DecoderName, data: bytes) -> Any:
        with self._turns:
            for fresh in (False, True):
                decoder = self._take(fresh)
                if decoder is None:
                    break
                try:
                    return decoder.decode(name, data)
                except Gone as gone:
                    if fresh and gone.asked:  # two processes have ended at this file
                        raise NotDecoded(CRASHED) from gone
                finally:
                    with self._lock:
                        if decoder.alive:
                            self._idle.append(decoder)
            from pulmoscan.reading.radiograph import HERE

            return getattr(HERE, name)(data)

    def warm_up(self) -> None:
        if (decoder := self._take()) is not None:
            with self._lock:
                self._idle.append(decoder)

    def close(self) -> None:
        with self._lock:
            while self._idle:
                self._idle.pop().end()

    def _take(self, fresh: bool = False) -> _Decoder | None:
        """An idle process, or a new one; None where none can be started."""
        with self._lock:
            while self._idle and not fresh:
                if (decoder := self._idle.pop()).alive:
                    return decoder
            if not self._ends_with_us:
                atexit.register(self.close)
                self._ends_with_us = True
        try:
            return _Decoder()
        except OSError as error:
            logger.warning("No process for decoding can be started (%s): files are decoded here", error.strerror)
            return None


def apart(decoders: _Decoders) -> Decoders:
    """The decoders of `load_radiograph`, in these processes."""
    from pulmoscan.reading.radiograph import Decoders

    return Decoders(partial(decoders.decode, "picture"), partial(decoders.decode, "stored"))


_decoders = _Decoders(max(1, min(4, os.cpu_count() or 1)))

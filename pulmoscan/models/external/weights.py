"""An external model's weights file: where it lies, that it stays the same, and how it is fetched."""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pulmoscan.errors import DownloadFailed, ExternalWeightsMissing, ExternalWeightsRefused
from pulmoscan.models.external.allow_list import state_dict
from pulmoscan.models.registry import ExternalSpec
from pulmoscan.reading.records import write_whole

PUBLISHED_MEGABYTES = 28
MAX_BYTES = 200 * 2**20
TIMEOUT = 30.0  # seconds without a byte
BLOCK = 2**18

Progress = Callable[[int, int | None], None]
"""Told the bytes that have come so far, and how many there will be, where the server says so."""


@dataclass(frozen=True)
class WeightsFile:
    """The contents of a weights file that may be used.

    Attributes:
        is_published: whether it is the published file, by its checksum; None where that checksum is not known.
    """

    data: bytes
    sha256: str
    is_published: bool | None


def checksum_path(spec: ExternalSpec) -> Path:
    """Beside the weights, in the format of `sha256sum`: what they were when they were first used."""
    return spec.weights_path.with_name(f"{spec.file}.sha256")


def read_weights(spec: ExternalSpec) -> WeightsFile:
    """Read the file and compare it with the checksum kept beside it, else with the published one.

    Who puts another file there on purpose writes its checksum beside it; it is then used, and marked.

    Raises:
        ExternalWeightsMissing: it is not there.
        ExternalWeightsRefused: it cannot be read, or is not the file that it was.
    """
    path = spec.weights_path
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ExternalWeightsMissing(spec.name, spec.url, path) from error
    except OSError as error:
        raise ExternalWeightsRefused(path, error.strerror or "it cannot be read", "Check the permissions.") from error
    sha256 = hashlib.sha256(data).hexdigest()
    kept = _kept_checksum(spec)
    if sha256 != (kept or spec.sha256 or sha256):
        other = f"the one kept in {checksum_path(spec).name}" if kept else "the published one"
        raise ExternalWeightsRefused(path, f"its checksum is not {other}: it is damaged, or another file")
    return WeightsFile(data, sha256, None if spec.sha256 is None else sha256 == spec.sha256)


def keep_checksum(spec: ExternalSpec, sha256: str) -> None:
    """Write the checksum beside the weights, if there is none and the folder can be written to."""
    if _kept_checksum(spec) is None:
        with suppress(OSError):
            checksum_path(spec).write_text(f"{sha256}  {spec.file}\n", encoding="utf-8")


def _kept_checksum(spec: ExternalSpec) -> str | None:
    try:
        words = checksum_path(spec).read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ExternalWeightsRefused(checksum_path(spec), "it cannot be read") from error
    if not words:
        raise ExternalWeightsRefused(checksum_path(spec), "it holds no checksum")
    return words[0].lower()


def download(spec: ExternalSpec, progress: Progress, url: str | None = None) -> None:
    """Fetch the published file and put it where torchxrayvision looks for it, once it is whole and what it should be.

    Args:
        progress: called for each block.
        url: another address of the same file.

    Raises:
        DownloadFailed: with the reason, and how to fetch it by hand; nothing is left behind.
    """
    path = spec.weights_path
    with _downloading:
        try:
            data = _body(spec, url or spec.url, progress)
            if spec.sha256 is None:
                _check(data)
            _put(spec, data)
        except _Failed as error:
            raise DownloadFailed(spec.url, path, str(error)) from error
        except OSError as error:
            raise DownloadFailed(spec.url, path, f"{path.parent} cannot be written to ({error.strerror})") from error


_downloading = threading.Lock()


class _Failed(Exception):
    """Why a download failed, for a sentence."""


def _body(spec: ExternalSpec, url: str, progress: Progress) -> bytes:
    """What the address answers, whole, and with the published checksum where that is known.

    Raises:
        _Failed: it cannot be reached, ends too soon, or is another file.
    """
    import pooch  # of the extra `xrv`
    from requests import exceptions

    fetch = pooch.HTTPDownloader(progressbar=_Bar(progress), chunk_size=BLOCK, timeout=TIMEOUT)
    pooch.get_logger().setLevel("WARNING")
    known = f"sha256:{spec.sha256}" if spec.sha256 else None
    try:
        spec.weights_path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=spec.weights_path.parent) as folder:
            return Path(pooch.retrieve(url, known, spec.file, folder, downloader=fetch)).read_bytes()
    except exceptions.HTTPError as error:
        raise _Failed(f"the server answers: {error.args[0]}") from error
    except exceptions.Timeout as error:
        raise _Failed("the server cannot be reached, or sends no more: timed out") from error
    except exceptions.ChunkedEncodingError as error:
        raise _Failed("the connection broke off before all had come") from error
    except exceptions.ConnectionError as error:
        timed_out = "timed out" in str(error)
        raise _Failed("the connection timed out" if timed_out else "the server cannot be reached") from error
    except exceptions.RequestException as error:
        raise _Failed(f"the address cannot be fetched ({type(error).__name__})") from error
    except ValueError as error:  # of pooch, where the checksum is another
        raise _Failed("what came is not the published file: its checksum is another") from error


class _Bar:
    """What pooch shows its progress on: it sets `total`, and calls `update` for each block, as if all were whole."""

    def __init__(self, progress: Progress) -> None:
        self.total = 0
        self._come = 0
        self._progress = progress

    def update(self, count: int) -> None:
        self._come += count
        if self._come > MAX_BYTES:
            raise _Failed("far more comes than the file has")
        self._progress(min(self._come, self.total or self._come), self.total or None)

    def reset(self) -> None:
        """Called at the end, after which pooch counts all once more."""
        self._come -= self.total

    def close(self) -> None:
        """Nothing is open."""


def _check(data: bytes) -> None:
    """That it is a file of the published format, where its checksum is not known.

    Raises:
        _Failed: it is not.
    """
    try:
        state_dict(data)
    except Exception as error:
        raise _Failed("what came is no such weights file") from error


def _put(spec: ExternalSpec, data: bytes) -> None:
    path = spec.weights_path
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, data)
    checksum_path(spec).unlink(missing_ok=True)
    keep_checksum(spec, hashlib.sha256(data).hexdigest())

"""An external model's weights file: where it lies, that it stays the same, and how it is fetched."""

from __future__ import annotations

import hashlib
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
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
            data = _body(url or spec.url, progress)
            _check(spec, data)
            _put(spec, data)
        except _Failed as error:
            raise DownloadFailed(spec.url, path, str(error)) from error
        except OSError as error:
            raise DownloadFailed(spec.url, path, f"{path.parent} cannot be written to ({error.strerror})") from error


_downloading = threading.Lock()


class _Failed(Exception):
    """Why a download failed, for a sentence."""


def _body(url: str, progress: Progress) -> bytes:
    """What the address answers, whole.

    Raises:
        _Failed: it cannot be reached, or ends too soon.
    """
    data = bytearray()
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
            length = response.headers.get("Content-Length") or ""
            expected = int(length) if length.isdigit() else None
            progress(0, expected)
            while block := response.read(BLOCK):
                data += block
                if len(data) > MAX_BYTES:
                    raise _Failed("far more comes than the file has")
                progress(len(data), expected)
    except urllib.error.HTTPError as error:
        raise _Failed(f"the server answers {error.code} ({error.reason})") from error
    except urllib.error.URLError as error:
        raise _Failed(f"the server cannot be reached ({error.reason})") from error
    except (OSError, HTTPException) as error:
        raise _Failed(f"the connection broke off ({str(error) or type(error).__name__})") from error
    if expected is not None and len(data) != expected:
        raise _Failed(f"the connection broke off: {len(data):,} of {expected:,} bytes came")
    return bytes(data)


def _check(spec: ExternalSpec, data: bytes) -> None:
    """That it is the published file, or at least one of its format where the checksum is not known.

    Raises:
        _Failed: it is not.
    """
    if spec.sha256 is not None:
        if hashlib.sha256(data).hexdigest() != spec.sha256:
            raise _Failed("what came is not the published file: its checksum is another")
        return
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

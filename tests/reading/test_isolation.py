"""Decoding in another process: the same results, and whatever happens there costs one file."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from pydicom import uid

from pulmoscan import errors
from pulmoscan.reading import isolation
from pulmoscan.reading.isolation import load_apart
from pulmoscan.reading.radiograph import load_radiograph
from tests.dicoms import dicom, save
from tests.dicoms import encode as encode_dicom
from tests.pictures import encode, grey8, grey16, png_bomb


@pytest.fixture(autouse=True)
def _own_processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test has processes of its own, and leaves none."""
    mine = isolation._Decoders(2)
    monkeypatch.setattr(isolation, "_decoders", mine)
    yield
    mine.close()


def the_process() -> isolation._Decoder:
    (decoder,) = isolation._decoders._idle
    return decoder


def test_results_are_those_of_this_process(tmp_path: Path) -> None:
    files = [
        encode(grey8(), "JPEG"),
        encode(grey16(12), "PNG"),
        save(dicom(12)),
        encode_dicom(dicom(12), uid.JPEG2000Lossless, tmp_path),
        encode_dicom(dicom(12), uid.RLELossless, tmp_path),
    ]
    for data in files:
        here, apart = load_radiograph(data, "a"), load_apart(data, "a")
        np.testing.assert_array_equal(apart.pixels, here.pixels)
        assert apart.source == here.source
        assert not apart.pixels.flags.writeable
        assert (apart.dicom is None) == (here.dicom is None)
    assert the_process().alive


def test_reasons_are_those_of_this_process() -> None:
    cut = encode(grey8(), "JPEG")[:900]
    cases = {
        cut: errors.DamagedImage,
        b"text": errors.UnsupportedFormat,
        png_bomb(9000, 9000): errors.ImageTooLarge,
        b"": errors.EmptyFile,
    }
    for data, kind in cases.items():
        with pytest.raises(kind) as raised:
            load_apart(data)
        with pytest.raises(kind) as expected:
            load_radiograph(data)
        assert str(raised.value) == str(expected.value)


CRASHING = """
import os, sys
sys.path[:] = sys.argv[1:]
from pulmoscan.reading import radiograph, worker
decode = radiograph.HERE.picture
picture = lambda data: os.abort() if b"crash" in data else decode(data)
radiograph.HERE = radiograph.HERE._replace(picture=picture)
worker.main(int(sys.path.pop()))
"""


def test_a_decoder_that_crashes_costs_one_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "START", CRASHING)
    good = encode(grey8(), "PNG")
    assert load_apart(good).height == 96
    for _ in range(2):
        with pytest.raises(errors.NotDecoded, match="crashed"):
            load_apart(good + b"crash")
    assert load_apart(good).height == 96


def test_a_decoder_that_never_ends_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    load_apart(encode(grey8(), "PNG"))
    monkeypatch.setattr(isolation, "SECONDS", 0.3)
    os.kill(the_process().process.pid, signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(errors.NotDecoded, match="seconds"):
        load_apart(encode(grey8(), "PNG"))
    assert time.monotonic() - began < 10
    monkeypatch.setattr(isolation, "SECONDS", 30)
    assert load_apart(encode(grey8(), "PNG")).height == 96


def test_a_process_that_ended_while_it_was_idle_costs_no_file() -> None:
    load_apart(encode(grey8(), "PNG"))
    idle = the_process()
    idle.process.kill()  # and not waited for: it may still look alive
    assert load_apart(encode(grey8(), "PNG")).height == 96


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is limited on Linux alone")
def test_a_decoder_that_wants_too_much_memory_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        isolation,
        "START",
        "import sys; sys.path[:] = sys.argv[1:]; from pulmoscan.reading import worker; "
        "worker.MEMORY_BYTES = 2**25; worker.main(int(sys.path.pop()))",
    )
    with pytest.raises(errors.NotDecoded, match="more memory"):
        load_apart(encode(np.tile(grey8(100, 100), (60, 60)), "PNG"))
    assert load_apart(encode(grey8(), "PNG")).height == 96


def test_many_threads_get_each_their_own() -> None:
    pictures = [encode(grey8(90 + i, 128, seed=i), "PNG") for i in range(12)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(load_apart, pictures))
    assert [radiograph.height for radiograph in found] == [90 + i for i in range(12)]
    assert len(isolation._decoders._idle) <= 2


def test_nothing_a_decoder_says_is_heard(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    data = bytearray(encode_dicom(dicom(12), uid.JPEG2000Lossless, tmp_path))
    data[-400:-200] = bytes(200)
    with contextlib.suppress(errors.RadiographError):
        load_apart(bytes(data))
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_decoding_here_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULMOSCAN_DECODING", "here")
    assert load_apart(encode(grey8(), "PNG")).height == 96
    assert not isolation._decoders._idle


def test_decoding_here_where_no_process_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("subprocess.Popen", refuse)
    assert load_apart(encode(grey8(), "PNG")).height == 96

from __future__ import annotations

import logging
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import platformdirs
import pytest

from pulmoscan.runtime import cache
from pulmoscan.runtime.memory import let_go
from pulmoscan.settings import cache_folder

CONTENT = os.urandom(10_000)


def loaded() -> bytes | None:
    found = cache.load("net", "key")
    return None if found is None else bytes(found)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own; not there yet."""
    folder = tmp_path / "a" / "b"
    monkeypatch.setenv("PULMOSCAN_CACHE", str(folder))
    return folder


def test_kept_and_found(folder: Path) -> None:
    assert cache.load("net", "key") is None
    cache.store("net", "key", CONTENT)
    assert loaded() == CONTENT
    assert cache.load("net", "other") is None
    assert cache.load("other", "key") is None
    assert [p.name for p in folder.iterdir()] == ["net.key.compiled"]


def test_mapped_memory_is_let_go_and_read_again(folder: Path) -> None:
    """What a network reads from stays right, whatever is kept of it in memory, and whatever comes in its place."""
    cache.store("net", "key", CONTENT)
    found = cache.load("net", "key")
    assert found is not None
    let_go(found)
    assert found == CONTENT
    cache.store("net", "key", b"other")
    let_go(found)
    assert found == CONTENT
    assert loaded() == b"other"
    let_go(memoryview(CONTENT))  # nothing that could be let go
    assert folder.is_dir()


def test_content_lies_where_processors_like_it(folder: Path) -> None:
    cache.store("net", "key", CONTENT)
    assert np.frombuffer(cache.load("net", "key") or b"", np.uint8).ctypes.data % 64 == 0
    assert folder.is_dir()


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_for_the_user_alone(folder: Path) -> None:
    cache.store("net", "key", CONTENT)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "net.key.compiled").stat().st_mode) == 0o600


@pytest.mark.parametrize("damage", ["cut", "one bit", "empty", "other magic", "longer"])
def test_damaged(damage: str, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache.store("net", "key", CONTENT)
    path = folder / "net.key.compiled"
    data = path.read_bytes()
    path.write_bytes(
        {
            "cut": data[:-1],
            "one bit": data[:-5] + bytes([data[-5] ^ 1]) + data[-4:],
            "empty": b"",
            "other magic": b"X" + data[1:],
            "longer": data + b"\0",
        }[damage]
    )
    assert cache.load("net", "key") is None
    assert "damaged" in caplog.text
    cache.store("net", "key", CONTENT)
    assert loaded() == CONTENT


def test_not_wanted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PULMOSCAN_CACHE", "off")
    monkeypatch.chdir(tmp_path)
    cache.store("net", "key", CONTENT)
    assert cache.load("net", "key") is None
    assert not list(tmp_path.iterdir())


def test_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("PULMOSCAN_CACHE", str(tmp_path / "file"))
    with caplog.at_level(logging.WARNING):
        cache.store("net", "key", CONTENT)
    assert "cannot be kept" in caplog.text
    assert cache.load("net", "key") is None


def test_an_interrupted_write_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            cache.store("net", "key", CONTENT)
    assert not list(folder.iterdir())


def test_old_ones_go(folder: Path) -> None:
    for number in range(cache.KEPT_PER_NAME):
        cache.store("net", f"key{number}", CONTENT)
        os.utime(folder / f"net.key{number}.compiled", ns=(number, number))
    cache.store("another", "key", CONTENT)
    cache.load("net", "key0")  # used just now
    cache.store("net", "new", CONTENT)
    kept = {p.name for p in folder.iterdir()}
    assert "net.key1.compiled" not in kept
    assert {"net.key0.compiled", "net.new.compiled", "another.key.compiled"} <= kept
    assert len(kept) == cache.KEPT_PER_NAME + 1


def test_many_at_once(folder: Path) -> None:
    """Whoever reads while others write finds nothing or everything."""
    assert not folder.exists()

    def work(number: int) -> bytes | None:
        if number % 2:
            cache.store("net", "key", CONTENT)
        return loaded()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(work, range(64))) <= {None, CONTENT}
    assert loaded() == CONTENT


def test_the_users_own_folder_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULMOSCAN_CACHE")
    where = cache_folder()
    assert where is not None
    assert where.is_relative_to(platformdirs.user_cache_dir("pulmoscan", appauthor=False))

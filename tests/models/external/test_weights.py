"""The weights file stays what it was, and a download is kept only when it is whole and what it should be."""

from __future__ import annotations

import dataclasses
import hashlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pulmoscan.errors import DownloadFailed, ExternalWeightsMissing, ExternalWeightsRefused
from pulmoscan.models.external import weights
from pulmoscan.models.external.weights import checksum_path, download, keep_checksum, read_weights
from pulmoscan.models.registry import ExternalSpec
from tests.models.external.conftest import ALL, CHEX, Place, put


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# The file


def test_missing_file_says_where_to_put_it() -> None:
    with pytest.raises(ExternalWeightsMissing) as told:
        read_weights(ALL)
    for part in (ALL.url, str(ALL.weights_path), f"fetch --model {ALL.name}"):
        assert part in str(told.value)


def test_published_file() -> None:
    published = dataclasses.replace(ALL, sha256=digest(b"published"))
    put(published, b"published", on_purpose=False)
    assert read_weights(published).is_published is True
    put(published, b"published!", on_purpose=False)
    with pytest.raises(ExternalWeightsRefused, match="not the published one"):
        read_weights(published)


def test_another_file_is_used_and_marked_only_where_its_checksum_is_beside_it() -> None:
    put(ALL, b"another")
    assert read_weights(ALL).is_published is False
    ALL.weights_path.write_bytes(b"anothes")
    with pytest.raises(ExternalWeightsRefused, match="damaged"):
        read_weights(ALL)


def test_checksum_is_kept_from_the_first_use_on() -> None:
    put(CHEX, b"first", on_purpose=False)
    first = read_weights(CHEX)
    assert first.is_published is None
    keep_checksum(CHEX, first.sha256)
    keep_checksum(CHEX, "0" * 64)
    assert checksum_path(CHEX).read_text() == f"{digest(b'first')}  {CHEX.file}\n"
    CHEX.weights_path.write_bytes(b"second")
    with pytest.raises(ExternalWeightsRefused, match=r"kept in .*\.sha256"):
        read_weights(CHEX)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"not a checksum"])
def test_damaged_checksum_refuses_the_weights(content: bytes) -> None:
    put(CHEX, b"weights")
    checksum_path(CHEX).write_bytes(content)
    with pytest.raises(ExternalWeightsRefused):
        read_weights(CHEX)


# The download


class Server(BaseHTTPRequestHandler):
    """Answers /NAME in the way of that name."""

    body: bytes

    def do_GET(self) -> None:
        way = self.path.strip("/")
        if way == "elsewhere":
            self.send_response(302)
            self.send_header("Location", "/whole")
            self.end_headers()
        elif way in ("403", "404", "503"):
            self.send_error(int(way))
        else:
            self.send_response(200)
            if way != "unannounced":
                self.send_header("Content-Length", str(len(self.body)))
            self.end_headers()
            self.wfile.write(self.body[: len(self.body) // 2] if way in ("truncated", "stuck") else self.body)
            if way == "stuck":
                stuck.wait(20)

    def log_message(self, *_: object) -> None:
        """Not in the tests' output."""


stuck = threading.Event()


@pytest.fixture(scope="module")
def server(weights_file: bytes) -> Iterator[str]:
    handler = type("Handler", (Server,), {"body": weights_file})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        stuck.set()
        http.shutdown()


@pytest.fixture
def published(weights_file: bytes) -> ExternalSpec:
    """A model whose published checksum is that of the server's file."""
    return dataclasses.replace(ALL, sha256=digest(weights_file))


@pytest.mark.parametrize("way", ["whole", "unannounced", "elsewhere"])
def test_download(way: str, server: str, published: ExternalSpec, weights_file: bytes) -> None:
    told: list[tuple[int, int | None]] = []
    download(published, lambda come, expected: told.append((come, expected)), f"{server}/{way}")
    assert read_weights(published).data == weights_file
    assert read_weights(published).is_published is True
    assert checksum_path(published).read_text().startswith(digest(weights_file))
    assert [come for come, _ in told] == sorted(come for come, _ in told)
    assert len(told) > 10
    come, expected = told[-1]
    assert expected == (None if way == "unannounced" else len(weights_file))
    assert len(weights_file) <= come < len(weights_file) + weights.BLOCK


def test_download_without_a_published_checksum_keeps_what_came(server: str, weights_file: bytes) -> None:
    put(CHEX, b"old")
    download(CHEX, lambda *_: None, f"{server}/whole")
    assert read_weights(CHEX).sha256 == digest(weights_file)


def test_truncated_download_is_not_kept(server: str, published: ExternalSpec) -> None:
    assert_fails(published, f"{server}/truncated", "broke off")


def test_server_that_stops_sending(server: str, published: ExternalSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "TIMEOUT", 0.5)
    assert_fails(published, f"{server}/stuck", "timed out")


def test_wrong_checksum_is_not_kept(server: str) -> None:
    assert_fails(ALL, f"{server}/whole", "checksum is another")


@pytest.mark.parametrize("code", ["403", "404", "503"])
def test_refusal(code: str, server: str, published: ExternalSpec) -> None:
    assert_fails(published, f"{server}/{code}", code)


def test_nobody_answers(published: ExternalSpec) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert_fails(published, f"http://127.0.0.1:{free.getsockname()[1]}/", "cannot be reached")


def test_page_of_a_proxy_is_no_weights_file(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_body", lambda *_: b"<html>blocked</html>")
    assert_fails(CHEX, f"{server}/whole", "no such weights file")


def test_file_without_end(server: str, published: ExternalSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "MAX_BYTES", 1_000_000)
    assert_fails(published, f"{server}/unannounced", "far more")


def test_folder_that_cannot_be_made(server: str, published: ExternalSpec, home: Path) -> None:
    home.write_text("a file where the home should be")
    with pytest.raises(DownloadFailed, match="cannot be written to"):
        download(published, lambda *_: None, f"{server}/whole")


def test_failed_download_leaves_the_file_that_was_there(server: str, placed: Place, weights_file: bytes) -> None:
    path = placed(ALL)
    with pytest.raises(DownloadFailed):
        download(ALL, lambda *_: None, f"{server}/truncated")
    assert path.read_bytes() == weights_file
    assert read_weights(ALL).is_published is False


def assert_fails(spec: ExternalSpec, url: str, why: str) -> None:
    """It says why, where to fetch it by hand and where to put it, and leaves nothing behind."""
    with pytest.raises(DownloadFailed) as told:
        download(spec, lambda *_: None, url)
    for part in (why, spec.url, str(spec.weights_path)):
        assert part in str(told.value)
    folder = spec.weights_path.parent
    assert not folder.exists() or list(folder.iterdir()) == []

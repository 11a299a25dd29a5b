"""The audit log: what is in it, what is not, and that no change goes unseen."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pulmoscan.cli import main
from pulmoscan.errors import AuditKeyMissing
from pulmoscan.hospital import audit
from pulmoscan.hospital.audit import AuditLog, head_of, read_key, seal, verify

KEY = bytes(range(32))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of six lines."""
    path = tmp_path / "audit.jsonl"
    written = AuditLog(path, KEY)
    for number in range(6):
        written.append("screened", instance=f"1.2.{number}", model="resnet18", label="normal")
    return path


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines(keepends=True)


def test_what_is_in_it(log: Path) -> None:
    assert verify(log, KEY) == audit.Verdict(6, ())
    first = json.loads(lines(log)[0])
    assert (first["n"], first["event"], first["model"], first["previous"]) == (1, "screened", "resnet18", "0" * 64)
    assert "1.2.0" not in log.read_text()
    AuditLog(log, KEY).append("screened", instance="1.2.0")
    again = json.loads(lines(log)[-1])
    assert again["instance"] == first["instance"], "the same throughout"
    assert verify(log, KEY).lines == 7


def rewritten(text: list[str]) -> list[str]:
    """A line changed and sealed anew, by somebody who has another key."""
    line = json.loads(text[2])
    line["label"] = "pneumonia"
    line["hash"] = seal(b"another key of thirty-two bytes..", line)
    return [*text[:2], json.dumps(line) + "\n", *text[3:]]


@pytest.mark.parametrize(
    "change",
    [
        lambda t: [*t[:2], t[2].replace("normal", "NORMAL"), *t[3:]],
        lambda t: [*t[:2], *t[3:]],
        lambda t: t[1:],
        lambda t: t[:-2],
        lambda t: [*t[:2], t[3], t[2], *t[4:]],
        lambda t: [*t[:3], t[2], *t[3:]],
        lambda t: [*t[:3], "nonsense\n", *t[3:]],
        lambda t: [*t[:3], "[]\n", *t[3:]],
        lambda t: [*t[:5], t[5][:20]],
        rewritten,
    ],
)
def test_every_change_is_found(log: Path, change: Callable[[list[str]], list[str]]) -> None:
    log.write_text("".join(change(lines(log))))
    assert verify(log, KEY).faults


def test_every_single_byte_counts(log: Path) -> None:
    data = log.read_bytes()
    for place in range(0, len(data), 37):
        log.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert verify(log, KEY).faults, place


def test_a_missing_or_made_up_head_is_found(log: Path) -> None:
    text = lines(log)[:-2]
    log.write_text("".join(text))
    last = json.loads(text[-1])
    head_of(log).write_text(json.dumps({"n": last["n"], "last": last["hash"], "hash": last["hash"]}))
    assert verify(log, KEY).faults
    head_of(log).unlink()
    assert verify(log, KEY).faults


def test_a_crash_in_a_line_or_before_its_head_is_no_fault(log: Path) -> None:
    head = head_of(log).read_bytes()
    AuditLog(log, KEY).append("screened")
    head_of(log).write_bytes(head)
    assert not verify(log, KEY).faults
    with log.open("a") as file:
        file.write('{"n": 8, "at"')
    AuditLog(log, KEY).append("started")
    assert verify(log, KEY) == audit.Verdict(8, ())


def test_the_key(tmp_path: Path) -> None:
    key = read_key(tmp_path / "new" / "audit.key")
    assert key == read_key(tmp_path / "new" / "audit.key")
    assert (tmp_path / "new" / "audit.key").stat().st_mode & 0o077 == 0
    (tmp_path / "short").write_bytes(b"short")
    with pytest.raises(AuditKeyMissing):
        read_key(tmp_path / "short")


def test_the_command(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "key").write_bytes(KEY)
    command = ["audit", "verify", str(log), "--key", str(tmp_path / "key")]
    assert main(command) == 0
    assert "6 lines" in capsys.readouterr().out
    log.write_text("".join(lines(log)[1:]))
    assert main(command) == 1
    assert "missing" in capsys.readouterr().out
    assert main([*command[:-1], str(tmp_path / "none")]) == 1
    assert "there is no such key" in capsys.readouterr().err

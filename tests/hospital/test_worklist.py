"""The order of the worklist: urgent first, and a limit on the longest wait."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import worklist
from pulmoscan.cli import main
from pulmoscan.hospital.queue import Arrival, Queue
from pulmoscan.hospital.worklist import MARKS, Entry, entries, is_passphrase, ordered, write_passphrase
from tests.conftest import REPOSITORY

PLAIN = Entry("1", 0.0, 1, 0.1, 0.4, False, "", "1.1", "", "")


def test_the_order() -> None:
    now = 1000.0
    listed = {
        "late": replace(PLAIN, study_uid="late", since=0.0),
        "sure": replace(PLAIN, study_uid="sure", since=900.0, probability=0.9, suspected=True),
        "maybe": replace(PLAIN, study_uid="maybe", since=800.0, probability=0.5, suspected=True),
        "refused": replace(PLAIN, study_uid="refused", since=990.0, probability=None),
        "first": replace(PLAIN, study_uid="first", since=700.0),
        "second": replace(PLAIN, study_uid="second", since=750.0),
        "read": replace(PLAIN, study_uid="read", since=0.0, mark=MARKS[0], probability=0.99, suspected=True),
    }
    found = ordered(reversed(listed.values()), now, longest_wait=600.0)
    assert [entry.study_uid for entry in found] == list(listed)


def test_the_limit_shortens_the_longest_wait_and_the_suspected_still_go_first() -> None:
    limited, unlimited, first_come = (
        worklist.mean(limit, 10) for limit in (60.0, worklist.BY_PRIORITY, worklist.FIRST_COME)
    )
    assert unlimited.longest > 1.15 * first_come.longest, "by priority alone"
    assert limited.longest < 1.1 * first_come.longest, "and with a limit"
    assert limited.suspected < 0.6 * first_come.suspected


def test_the_document_says_what_the_simulation_prints() -> None:
    assert worklist.table(60.0, 10) in (REPOSITORY / "docs" / "hospital.md").read_text(encoding="utf-8")


def test_entries_come_from_the_queue(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "queue.sqlite")
    for uid, study in (("1.1", "1"), ("1.2", "1"), ("2.1", "2"), ("3.1", "3")):
        queue.receive(Arrival(uid, study, "", "CT", 1))
    queue.finish("1.1", "screened", found={"probability": 0.2, "threshold": 0.4, "label": "normal"})
    queue.finish("1.2", "screened", found={"probability": 0.8, "threshold": 0.4, "label": "pneumonia"})
    queue.finish("2.1", "refused", "no chest")
    first, second = entries(queue)
    assert (first.study_uid, first.screened, first.probability, first.suspected) == ("1", 2, 0.8, True)
    assert (first.sop_uid, first.is_read) == ("1.2", False)
    assert (second.probability, second.reason) == (None, "no chest")
    queue.mark("1", "AB", MARKS[1])
    assert (entries(queue)[0].mark, entries(queue)[0].reader, entries(queue)[0].is_read) == (MARKS[1], "AB", True)
    queue.removed(["1.1", "1.2"], [])
    assert [entry.study_uid for entry in entries(queue)] == ["2"]


def test_a_passphrase_is_kept_as_a_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "passphrase"
    write_passphrase(path, "correct horse battery")
    assert is_passphrase(path, "correct horse battery")
    assert not is_passphrase(path, "correct horse")
    assert "horse" not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (tmp_path / "node.toml").write_text(
        '[node]\nfolder = "w"\n[[peers]]\nae_title = "CT"\n[worklist]\npassphrase_file = "passphrase"\n'
    )
    monkeypatch.setattr("getpass.getpass", lambda _: "another passphrase")
    assert main(["listen", str(tmp_path / "node.toml"), "--passphrase"]) == 0
    assert is_passphrase(path, "another passphrase")
    monkeypatch.setattr("getpass.getpass", lambda _: "short")
    assert main(["listen", str(tmp_path / "node.toml"), "--passphrase"]) == 1
    assert is_passphrase(path, "another passphrase")

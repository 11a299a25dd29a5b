"""In the whole run (`.ci/run` sets CI) no test may be skipped quietly: a skip that is not listed here fails the run.

Only where the datasets are, since a machine without them cannot run everything.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

LEGITIMATE = (
    r"a GPU goes first",
    r"no (cuda|mps) device",
    r"Windows has other permissions",
    r"root may open everything",
    r"needs /dev/zero",
    r"this system does not say what a process holds",
    r"a small file system cannot be mounted",  # only root can
    r"dicom-validator has no tables of the standard",  # they come over the internet, which not every machine reaches
)
"""Reasons that a machine may have, whatever is installed on it."""

_skipped: dict[str, str] = {}


def unwanted(skipped: dict[str, str]) -> list[str]:
    """The tests that were skipped for a reason that is none, with that reason."""
    return [f"{test}: {why}" for test, why in skipped.items() if not re.search("|".join(LEGITIMATE), why)]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped[report.nodeid] = _reason(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.skipped:  # a whole file
        _skipped[report.nodeid] = _reason(report)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if os.environ.get("CI") and DATA.is_dir() and unwanted(_skipped) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if os.environ.get("CI") and DATA.is_dir():
        for line in unwanted(_skipped):
            terminalreporter.write_line(f"SKIPPED, which fails this run: {line}", red=True)


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    return str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)

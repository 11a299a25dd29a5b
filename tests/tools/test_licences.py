"""What is installed by default: under which licences, listed for whom it concerns, and never the GPL."""

from __future__ import annotations

import re
from email.message import Message
from importlib.metadata import Distribution, distributions
from typing import cast

import pytest
from packaging.utils import canonicalize_name

from tools.licences import FORBIDDEN, home_page, licence
from tools.lock import ROOT, pins
from tools.notices import THIRD_PARTY

GPL = ("pylibjpeg-libjpeg", "pylibjpeg-all")


def test_nothing_that_is_locked_is_under_the_gpl() -> None:
    here: dict[str, Distribution] = {canonicalize_name(str(package.name)): package for package in distributions()}
    names = {pin.name for pin in pins()}
    assert not names & set(GPL)
    known = [here[name] for name in names if name in here]
    assert len(known) > 40
    assert [package.name for package in known if FORBIDDEN.search(licence(package))] == []
    # NVIDIA's own package of nothing but requirements states none.
    assert {package.name for package in known if licence(package) == "UNKNOWN"} <= {"cuda-toolkit"}


def test_list_of_third_parties_is_the_locks() -> None:
    listed = re.findall(r"^\| \[([\w.-]+)\]\(\S+\) \| (.+) \|$", THIRD_PARTY.read_text(encoding="utf-8"), re.MULTILINE)
    assert {canonicalize_name(name) for name, _ in listed} == {pin.name for pin in pins()}, "run `make notices`"
    assert [name for name, words in listed if FORBIDDEN.search(words)] == []


def test_project_states_its_own_licence() -> None:
    assert "Apache License\n                           Version 2.0" in (ROOT / "LICENSE").read_text()
    assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text()
    assert "license: Apache-2.0" in (ROOT / "CITATION.cff").read_text()
    notice = (ROOT / "NOTICE").read_text()
    assert all(
        source in notice for source in ("10.17632/rscbjbr9sj", "10.1109/CVPR.2017.369", "10.1148/ryai.2019180041")
    )


class Package:
    """A package that is nothing but its metadata."""

    def __init__(self, *headers: tuple[str, str]) -> None:
        self.metadata = Message()
        for name, value in headers:
            self.metadata[name] = value


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("License-Expression", "MIT"), ("License", "other")], "MIT"),
        (
            [("Classifier", "License :: OSI Approved"), ("Classifier", "License :: OSI Approved :: BSD License")],
            "BSD License",
        ),
        ([("License", "BSD-3-Clause\n\nCopyright …")], "BSD-3-Clause"),
        ([("Classifier", "Programming Language :: Python")], "UNKNOWN"),
    ],
)
def test_licence_in_the_packages_own_words(headers: list[tuple[str, str]], expected: str) -> None:
    assert licence(cast(Distribution, Package(*headers))) == expected


def test_home_page() -> None:
    urls = [("Project-URL", "Tracker, https://x/issues"), ("Project-URL", "Source, https://x/code")]
    assert home_page(cast(Distribution, Package(*urls))) == "https://x/code"
    assert home_page(cast(Distribution, Package(("Home-page", "https://x")))) == "https://x"
    assert home_page(cast(Distribution, Package())) == ""


@pytest.mark.parametrize(
    ("words", "forbidden"),
    [
        ("GPL-3.0-or-later", True),
        ("GNU General Public License v3 (GPLv3)", True),
        ("GNU Affero General Public License v3", True),
        ("AGPL-3.0", True),
        ("LGPL-2.1", False),
        ("GNU Lesser General Public License v2 (LGPLv2)", False),
        ("BSD-3-Clause", False),
    ],
)
def test_which_licences_are_refused(words: str, forbidden: bool) -> None:
    assert bool(FORBIDDEN.search(words)) is forbidden

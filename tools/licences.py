"""What licence each installed package states of itself."""

from __future__ import annotations

import re
from importlib.metadata import Distribution
from typing import Any

FORBIDDEN = re.compile(r"\bA?GPL|GNU (Affero )?General Public", re.IGNORECASE)
"""GPL and AGPL, by name or short. The LGPL is neither: it allows programs of any licence to use a library."""
PROPRIETARY = re.compile(r"proprietary|nvidia", re.IGNORECASE)


def licence(package: Distribution) -> str:
    """In the package's own words, shortened to one line: its SPDX expression, else its classifiers, else its field.

    `UNKNOWN` where it states none.
    """
    metadata: Any = package.metadata  # its stub lacks `get`
    if expression := metadata.get("License-Expression"):
        return str(expression)
    classifiers = [str(entry).split(" :: ") for entry in metadata.get_all("Classifier", [])]
    if named := [words[-1] for words in classifiers if words[0] == "License" and words[-1] != "OSI Approved"]:
        return "; ".join(named)
    field = str(metadata.get("License") or "").strip()
    return field.splitlines()[0].strip() if field else "UNKNOWN"


def home_page(package: Distribution) -> str:
    """Where the project says it lives; empty where it does not."""
    entries = (str(entry).partition(",") for entry in package.metadata.get_all("Project-URL", []))
    urls = {label.strip().lower(): url.strip() for label, _, url in entries}
    for label in ("homepage", "home", "source", "source code", "repository", "code", "github", "documentation"):
        if label in urls:
            return urls[label]
    metadata: Any = package.metadata
    return str(metadata.get("Home-page") or "") or next(iter(urls.values()), "")

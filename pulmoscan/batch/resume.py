"""What an earlier run has written -> which files need no second reading (`screen --resume FILE`)."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pulmoscan.errors import PulmoScanError


class ResumeError(PulmoScanError):
    """A file that no run can go on from."""


def finished(path: Path, model: str) -> dict[str, str]:
    """The status of each file in an earlier run's JSON lines or CSV; a line that was cut short is passed over.

    Raises:
        ResumeError: it cannot be read, is neither, or was written with another model.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise ResumeError(
            f"{path} cannot be read ({why}). Give the file that an earlier `screen --format json` or `csv` wrote to."
        ) from error
    lines = text.splitlines()
    rows = list(_json_rows(lines) if text.lstrip().startswith("{") else _csv_rows(lines))
    # A run that was cut short in its first result has left a part of a line, or a heading alone.
    whole = text[: text.rfind("\n") + 1].splitlines()
    has_heading = bool(whole) and {"file", "status", "model"} <= set(whole[0].split(","))
    if len(whole) > has_heading and not rows:
        raise ResumeError(f"{path} holds no results. Give the file that `screen --format json` or `csv` wrote to.")
    others = {str(row["model"]) for row in rows} - {model}
    if others:
        raise ResumeError(
            f"{path} holds results of {', '.join(sorted(others))}. Go on with `--model {sorted(others)[0]}`, or write "
            "to another file."
        )
    return {str(row["file"]): str(row["status"]) for row in rows}


def _json_rows(lines: Iterable[str]) -> Iterable[Mapping[str, Any]]:
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and {"file", "status", "model"} <= set(row):
            yield row


def _csv_rows(lines: Iterable[str]) -> Iterable[Mapping[str, Any]]:
    for row in csv.DictReader(lines):
        # A last line that was cut short lacks columns, which then are None.
        if row.get("file") and row.get("status") and row.get("milliseconds") is not None:
            name = str(row["file"])
            yield {**row, "file": name[1:] if name.startswith(("'=", "'+", "'-", "'@")) else name}

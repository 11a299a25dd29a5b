"""What an earlier run has written -> which files need no second reading (`screen --resume FILE`)."""

from __future__ import annotations

import csv
import json
import locale
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pulmoscan.batch.output import CSV_FIELDS, one_line
from pulmoscan.errors import ResumeError

NEEDED = {"file", "status", "model"}


def finished(path: Path, model: str, site: str = "") -> dict[str, str]:
    """The status of each file in an earlier run's JSON lines or CSV; a line that was cut short is passed over.

    Args:
        site: the label of the site profile in force; empty without one.

    Returns:
        by `key` of the file's name.

    Raises:
        ResumeError: it cannot be read, is neither, or was written with another model.
    """
    try:
        lines = [_text(line) for line in path.read_bytes().split(b"\n")]
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise ResumeError(
            f"{path} cannot be read ({why}). Give the file that an earlier `screen --format json` or `csv` wrote to."
        ) from error
    is_json = next((line for line in lines if line.strip()), "").lstrip().startswith("{")
    rows = list(_json_rows(lines) if is_json else _csv_rows(lines))
    # A run that was cut short in its first result has left a part of a line, or a heading alone.
    whole = [line for line in lines[:-1] if line.strip()]
    strange = any(map(_is_json, whole)) if is_json else whole and not any(map(_is_heading, whole))
    if strange and not rows:
        raise ResumeError(f"{path} holds no results. Give the file that `screen --format json` or `csv` wrote to.")
    others = {str(row["model"]) for row in rows} - {model}
    if others:
        raise ResumeError(
            f"{path} holds results of {', '.join(sorted(others))}. Go on with `--model {sorted(others)[0]}`, or write "
            "to another file."
        )
    sites = {str(row.get("site") or "") for row in rows} - {site}
    if sites:
        named = ", ".join(f"the site profile {name}" if name else "no site profile" for name in sorted(sites))
        raise ResumeError(f"{path} holds results by {named}. Go on with the same --site, or write to another file.")
    return {key(str(row["file"])): str(row["status"]) for row in rows}


def key(name: str) -> str:
    """Equal for a file's name and for what became of it in results of whatever encoding."""
    return one_line(name).encode("ascii", "backslashreplace").decode()


def has_heading(path: Path) -> bool:
    """Whether a CSV file's heading is there as a whole."""
    return any(_is_heading(line.decode("utf-8", "replace")) for line in path.read_bytes().split(b"\n"))


def _text(line: bytes) -> str:
    """UTF-8, else what this machine's programs write."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        for encoding in (sys.stdout.encoding, locale.getpreferredencoding(False)):
            try:
                return line.decode(encoding or "utf-8")
            except UnicodeDecodeError:
                continue
        raise


def _is_heading(line: str) -> bool:
    return set(line.strip("\r").split(",")) >= NEEDED


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _json_rows(lines: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict) and set(row) >= NEEDED:
            yield row


def _csv_rows(lines: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    """Each line by itself: a quotation mark that a cut line left open must not swallow the rows below."""
    heading: list[str] = list(CSV_FIELDS)
    for line in lines:
        try:
            fields = next(csv.reader([line.rstrip("\r")]), [])
        except csv.Error:
            continue
        if set(fields) >= NEEDED:
            heading = fields
        elif len(fields) == len(heading):  # one that was cut short has fewer
            row: dict[str, Any] = dict(zip(heading, fields, strict=True))
            if row["file"] and row["status"]:
                name = str(row["file"])
                yield {**row, "file": name[1:] if name.startswith(("'=", "'+", "'-", "'@")) else name}

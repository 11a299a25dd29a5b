"""How the command line writes outcomes: a table for people, JSON lines and CSV for programs."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
import sys
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol, TextIO

from pulmoscan.batch.outcomes import Outcome
from pulmoscan.errors import ResultsNotWritable
from pulmoscan.export.tables import escape_formula

CSV_FIELDS = tuple(Outcome("", "ok", "").as_dict())
LINE_ENDS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
"""What JSON need not escape, and other programs take for the end of a line."""


class Writer(Protocol):
    """Writes outcomes one by one, as they are done."""

    def write(self, outcome: Outcome) -> None: ...


class JsonLines:
    """One JSON object a line."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, outcome: Outcome) -> None:
        line = json.dumps(outcome.as_dict(), ensure_ascii=False)
        if not _can_hold(self.stream, line):
            line = json.dumps(outcome.as_dict())
        print(line, file=self.stream, flush=True)


class Csv:
    """One row a file, and one line a row; warnings are joined by a space."""

    def __init__(self, stream: TextIO, heading: bool = True) -> None:
        self.stream = stream
        self.rows = csv.DictWriter(stream, CSV_FIELDS, lineterminator="\n")
        if heading:
            self.rows.writeheader()

    def write(self, outcome: Outcome) -> None:
        fields = outcome.as_dict()
        fields["warnings"] = " ".join(fields["warnings"])
        self.rows.writerow({name: escape_formula(_encodable(self.stream, value)) for name, value in fields.items()})
        self.stream.flush()


class Table:
    """Aligned columns, with warnings and reasons below their file."""

    LAYOUT = "{file:<40} {label:<10} {probability:>11} {threshold:>9}  {population}"

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._line(
            file="file", label="label", probability="probability", threshold="threshold", population="population"
        )

    def write(self, outcome: Outcome) -> None:
        s = outcome.screening
        self._line(
            file=_shortened(str(_encodable(self.stream, outcome.file)), 40),
            label=s.label if s else outcome.status,
            probability=f"{s.reading.probability:.3f}" if s else "",
            threshold=f"{s.threshold:.3f}" if s else "",
            population=s.population if s else "",
        )
        for note in (*(s.warnings if s else ()), outcome.reason):
            if note:
                print(f"    {_encodable(self.stream, note)}", file=self.stream, flush=True)

    def _line(self, **columns: str) -> None:
        print(self.LAYOUT.format(**columns).rstrip(), file=self.stream, flush=True)


def writer(output_format: str, heading: bool = True) -> Writer:
    """The writer for `table`, `json` or `csv` to standard output; CSV without heading where it is appended."""
    if output_format == "csv":
        return Csv(sys.stdout, heading)
    return JsonLines(sys.stdout) if output_format == "json" else Table(sys.stdout)


def one_line(text: str) -> str:
    """The text with everything that ends a line, moves the cursor or is no text (PEP 383) as a backslash escape."""
    return "".join(c if _is_plain(c) else _escaped(c) for c in _named(text))


def record(out: Writer, outcome: Outcome) -> None:
    """Write an outcome to standard output, down to the disk where that is a file.

    Raises:
        ResultsNotWritable: it cannot be written, so that no run could go on from it.
        BrokenPipeError: whoever read the results has gone.
    """
    try:
        out.write(outcome)
        if target():
            os.fsync(sys.stdout.fileno())
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ResultsNotWritable(error.strerror) from error


def target() -> tuple[int, int] | None:
    """Device and inode of the file that standard output goes to, if it is one."""
    try:
        status = os.fstat(sys.stdout.fileno())
    except (OSError, ValueError):
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None


def csv_text(outcomes: Iterable[Outcome]) -> str:
    """All outcomes as CSV."""
    stream = io.StringIO()
    table = Csv(stream)
    for outcome in outcomes:
        table.write(outcome)
    return stream.getvalue()


def end_cut_line(path: Path) -> None:
    """End the last line of the file that standard output is appended to, should an earlier run have been cut short.

    Else the next result would be glued to that line, and be lost with it.
    """
    try:
        if os.path.samestat(path.stat(), os.fstat(sys.stdout.fileno())):
            with path.open("rb") as file:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    print(flush=True)
    except (OSError, ValueError):  # empty, or standard output is no file: then there is no line to end
        return


def _named(text: str) -> str:
    """The usual control characters by their usual names."""
    return text.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _escaped(c: str) -> str:
    return f"\\x{ord(c):02x}" if ord(c) < 0x100 else f"\\u{ord(c):04x}"


def _is_plain(c: str) -> bool:
    return unicodedata.category(c) not in ("Cc", "Cs", "Zl", "Zp")


def _can_hold(stream: TextIO, line: str) -> bool:
    """Whether a JSON line can be written as it is: UTF-8, as JSON is by RFC 8259, and one line to everybody."""
    try:
        line.encode()
    except UnicodeEncodeError:  # a name that is no text
        return False
    encoding = (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "")
    return encoding in ("utf8", "utf8sig") and not any(c in LINE_ENDS for c in line)


def _encodable(stream: TextIO, value: object) -> object:
    """A text as one line that the stream's encoding holds."""
    if not isinstance(value, str):
        return value
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return one_line(value).encode(encoding, "backslashreplace").decode(encoding)


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else f"…{text[1 - width :]}"

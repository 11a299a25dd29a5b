"""How the command line writes outcomes: a table for people, JSON lines and CSV for programs."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol, TextIO

from pulmoscan.batch.outcomes import Outcome
from pulmoscan.export.tables import escape_formula

CSV_FIELDS = tuple(Outcome("", "ok", "").as_dict())


class Writer(Protocol):
    """Writes outcomes one by one, as they are done."""

    def write(self, outcome: Outcome) -> None: ...


class JsonLines:
    """One JSON object a line."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, outcome: Outcome) -> None:
        print(json.dumps(outcome.as_dict(), ensure_ascii=False), file=self.stream, flush=True)


class Csv:
    """One row a file; warnings are joined by a space."""

    def __init__(self, stream: TextIO, heading: bool = True) -> None:
        self.stream = stream
        self.rows = csv.DictWriter(stream, CSV_FIELDS, lineterminator="\n")
        if heading:
            self.rows.writeheader()

    def write(self, outcome: Outcome) -> None:
        fields = outcome.as_dict()
        fields["warnings"] = " ".join(fields["warnings"])
        self.rows.writerow({name: escape_formula(value) for name, value in fields.items()})
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
            file=_shortened(outcome.file, 40),
            label=s.label if s else outcome.status,
            probability=f"{s.reading.probability:.3f}" if s else "",
            threshold=f"{s.threshold:.3f}" if s else "",
            population=s.population if s else "",
        )
        for note in (*(s.warnings if s else ()), outcome.reason):
            if note:
                print(f"    {note}", file=self.stream, flush=True)

    def _line(self, **columns: str) -> None:
        print(self.LAYOUT.format(**columns).rstrip(), file=self.stream, flush=True)


def writer(output_format: str, heading: bool = True) -> Writer:
    """The writer for `table`, `json` or `csv` to standard output; CSV without heading where it is appended."""
    if output_format == "csv":
        return Csv(sys.stdout, heading)
    return JsonLines(sys.stdout) if output_format == "json" else Table(sys.stdout)


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


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else f"…{text[1 - width :]}"

"""The rows that a run writes, one a file and model: what they hold, and that they say where they come from.

The schema is stable: fields are added at its end, and none changes its meaning. `VERSION` counts the additions.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import IO, TYPE_CHECKING, Any, Literal

from pulmoscan.batch.archive.entries import Entry
from pulmoscan.errors import ClusterPackageMissing

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = 1
RowStatus = Literal["ok", "refused", "error", "passed over"]
STATUSES: tuple[RowStatus, ...] = ("ok", "refused", "error", "passed over")
SCREENED = (
    "file", "status", "model", "probability", "threshold", "label", "population", "lung_attention", "warnings",
    "reason", "milliseconds", "precision",
)  # fmt: skip
"""The fields of the command line's JSON, in their order; numbers are not rounded here."""

NOTES = b"pulmoscan"
"""The key of a file's own metadata under which its unit's counts are."""

Row = dict[str, Any]


def arrow() -> Any:
    """The package pyarrow.

    Raises:
        ClusterPackageMissing: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ClusterPackageMissing("pyarrow") from error
    return pyarrow


def row_schema() -> pa.Schema:
    """Of the results."""
    pa = arrow()
    text, texts, number, whole = pa.string(), pa.list_(pa.string()), pa.float64(), pa.int32()
    return pa.schema(
        {
            # as `screen` has it
            "file": text, "status": text, "model": text, "probability": number, "threshold": number, "label": text,
            "population": text, "lung_attention": number, "warnings": texts, "reason": text, "milliseconds": number,
            "precision": text,
            # evidence: the class-activation map, log-odds a cell, row by row
            "logit": number, "evidence": pa.list_(pa.float32()), "evidence_rows": whole, "evidence_columns": whole,
            "heat_method": text, "peak_heat": number,
            # quality, and what the gate saw
            "refusal": text, "defects": texts, "chest": number, "whole": number, "inverted": number, "side": number,
            "mahalanobis": number,
            # the file, and what is known of it
            "sha256": text, "format": text, "bits": whole, "height": whole, "width": whole, "age": number,
            "month": text, "given_label": text, "site": text,
            # provenance
            "weights_sha256": text, "lung_weights_sha256": text, "version": text, "runtime": text, "site_profile": text,
            "ordinal": pa.int64(), "attempt": whole, "poisoned": pa.bool_(),
        }
    )  # fmt: skip


def entry_schema() -> pa.Schema:
    """Of the run's list of files."""
    pa = arrow()
    types = {"ordinal": pa.int64(), "offset": pa.int64(), "size": pa.int64(), "age": pa.float64()}
    return pa.schema([(field.name, types.get(field.name, pa.string())) for field in fields(Entry)])


def entries_parquet(found: Sequence[Entry]) -> bytes:
    """A part of the list as a Parquet file."""
    return _parquet([asdict(entry) for entry in found], entry_schema())


def entries_of(data: bytes) -> list[Entry]:
    """What `entries_parquet` wrote."""
    return [Entry(**row) for row in arrow().parquet.read_table(io.BytesIO(data)).to_pylist()]


def rows_parquet(rows: Sequence[Row], notes: Mapping[str, Any]) -> bytes:
    """A unit's rows as a Parquet file."""
    return _parquet(rows, row_schema().with_metadata({NOTES: json.dumps(notes, sort_keys=True).encode()}))


def notes_of(file: IO[bytes]) -> dict[str, Any]:
    """What `rows_parquet` noted in a file; its end alone is read.

    Raises:
        ValueError: it is none of those files.
    """
    try:
        metadata = arrow().parquet.read_schema(file).metadata or {}
        notes: dict[str, Any] = json.loads(metadata[NOTES])
    except (KeyError, OSError) as error:
        raise ValueError("not a file of results") from error
    return notes


def as_screen_has_it(row: Row) -> Row:
    """A row as the command line's JSON has it: the same fields, rounded as there."""
    said = {name: row[name] for name in SCREENED}
    for name, digits in (("probability", 6), ("lung_attention", 4), ("milliseconds", 1)):
        said[name] = None if said[name] is None else round(said[name], digits)
    said["warnings"] = list(said["warnings"] or [])
    return said


def _parquet(rows: Sequence[Row], schema: pa.Schema) -> bytes:
    pa = arrow()
    stream = io.BytesIO()
    pa.parquet.write_table(pa.Table.from_pylist(list(rows), schema=schema), stream, compression="zstd")
    return stream.getvalue()

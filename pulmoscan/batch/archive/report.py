"""What a run found: `archive report DIR`. DuckDB reads the shards, however many rows there are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from msgspec import to_builtins

from pulmoscan import DISCLAIMER
from pulmoscan.batch.archive.manifest import RESULTS, Asked, Manifest, done_units, read_asked, summed
from pulmoscan.batch.archive.places import is_local, opened
from pulmoscan.batch.archive.store import Store
from pulmoscan.errors import ClusterPackageMissing, NotARun
from pulmoscan.statistics.metrics import Estimate, proportion
from pulmoscan.statistics.shift import compare

MOST_GROUPS = 24
AGES = "CASE WHEN age IS NULL THEN 'unknown' WHEN age < 1 THEN '0' WHEN age < 6 THEN '1 to 5' WHEN age < 18 THEN "\
    "'6 to 17' WHEN age < 40 THEN '18 to 39' WHEN age < 65 THEN '40 to 64' ELSE '65 and older' END"  # fmt: skip
GROUPS = {
    "population": "population", "age": AGES, "site": "site", "format": "format", "label in the list": "given_label",
}  # fmt: skip
"""Subgroups: what they are called, and the SQL of a row's."""

POSITIVE = ("pneumonia", "positive", "1", "1.0", "true", "yes")
NEGATIVE = ("normal", "negative", "0", "0.0", "false", "no")
"""Labels of the list that sensitivity and specificity are counted by."""


@dataclass(frozen=True)
class Part:
    """A share of a run's files.

    Attributes:
        p: of the two-sample test of its scores against those of the first month; None where that is not asked.
    """

    name: str
    share: Estimate
    mean_logit: float | None = None
    p: float | None = None


@dataclass(frozen=True)
class Found:
    """What a run found by one model.

    Attributes:
        prevalence: of positives among what was screened; files of the same bytes count once.
        refused: among all files; by reason in `reasons`.
        defects: of quality, among what was examined.
        sensitivity, specificity: by the labels of the list, where it holds any.
    """

    model: str
    files: int
    duplicates: int
    prevalence: Estimate
    refused: Estimate
    reasons: Sequence[Part]
    defects: Sequence[Part]
    groups: dict[str, Sequence[Part]]
    months: Sequence[Part]
    sensitivity: Estimate
    specificity: Estimate


@dataclass(frozen=True)
class Report:
    """What became of a run's files, and what was found in them."""

    manifest: Manifest
    found: Sequence[Found]

    def as_json(self) -> str:
        """For programs."""
        said = {"manifest": to_builtins(self.manifest), "found": [asdict(found) for found in self.found]}
        return json.dumps({**said, "disclaimer": DISCLAIMER}, ensure_ascii=False, indent=1)

    def as_text(self) -> str:
        """For people, in Markdown."""
        return "\n".join(_lines(self))


def report(where: str) -> Report:
    """Read a run's results.

    Raises:
        NotARun: there is none, or nothing was done yet.
        ClusterPackageMissing: DuckDB is not installed.
    """
    store = Store(where)
    asked, done = begun(store), done_units(store)
    database = connect(store)
    return Report(summed(asked, done), [_found(database, model) for model in asked.weights])


def begun(store: Store) -> Asked:
    """What the run in a store was asked, where it has results.

    Raises:
        NotARun: there is none, or nothing is done yet.
    """
    asked = read_asked(store)
    if asked is None:
        raise NotARun(store.where, "it has no list of files yet")
    if not store.names(RESULTS):
        raise NotARun(store.where, "nothing is done yet")
    return asked


def connect(store: Store) -> Any:
    """A DuckDB connection with the view `results`, all rows of a run.

    Raises:
        ClusterPackageMissing: DuckDB is not installed.
    """
    try:
        import duckdb
    except ImportError as error:
        raise ClusterPackageMissing("duckdb") from error
    database = duckdb.connect()
    if not is_local(store.where):
        database.register_filesystem(opened(store.where)[0])
    pattern = store.path(f"{RESULTS}/*/*.parquet").replace("'", "''")
    database.execute(f"CREATE VIEW results AS SELECT * FROM read_parquet('{pattern}')")
    return database


def _found(database: Any, model: str) -> Found:
    database.execute("DROP TABLE IF EXISTS seen")
    # The first of the same bytes stands for all; what could not be read has no checksum and stands for itself.
    database.execute(
        "CREATE TEMP TABLE seen AS SELECT * EXCLUDE (evidence, warnings), row_number() OVER "
        "(PARTITION BY coalesce(sha256, ordinal::VARCHAR) ORDER BY ordinal) = 1 AS first FROM results WHERE model = ?",
        [model],
    )

    def rows(sql: str) -> list[Any]:
        return list(database.execute(sql).fetchall())

    ((files, refused, duplicates),) = rows(
        "SELECT count(*), count(*) FILTER (status = 'refused'), count(*) FILTER (NOT first) FROM seen"
    )
    ((positive, screened),) = rows(f"SELECT {_COUNTS} FROM seen WHERE {_COUNTED}")
    reasons = rows(
        "SELECT coalesce(refusal, 'the file itself'), count(*) FROM seen WHERE status = 'refused' "
        "GROUP BY 1 ORDER BY 2 DESC"
    )
    ((examined,),) = rows("SELECT count(*) FROM seen WHERE chest IS NOT NULL")
    defects = rows("SELECT d, count(*) FROM (SELECT unnest(defects) AS d FROM seen) GROUP BY 1 ORDER BY 2 DESC")
    groups = {
        name: [
            Part(str(value), proportion(positives, n))
            for value, positives, n in rows(
                f"SELECT {sql} AS value, {_COUNTS} FROM seen WHERE {_COUNTED} AND {sql} IS NOT NULL GROUP BY 1 "
                f"ORDER BY 3 DESC LIMIT {MOST_GROUPS}"
            )
        ]
        for name, sql in GROUPS.items()
    }
    truth = {
        value: rows(f"SELECT {_COUNTS} FROM seen WHERE {_COUNTED} AND lower(given_label) IN {names}")[0]
        for value, names in (("ill", POSITIVE), ("well", NEGATIVE))
    }
    (ill_positive, ill), (well_positive, well) = truth["ill"], truth["well"]
    return Found(
        model=model,
        files=files,
        duplicates=duplicates,
        prevalence=proportion(positive, screened),
        refused=proportion(refused, files),
        reasons=[Part(name, proportion(n, files)) for name, n in reasons],
        defects=[Part(name, proportion(n, examined)) for name, n in defects],
        groups={name: parts for name, parts in groups.items() if parts},
        months=list(_months(rows)),
        sensitivity=proportion(ill_positive, ill),
        specificity=proportion(well - well_positive, well),
    )


_COUNTS = "count(*) FILTER (label = 'pneumonia'), count(*)"
_COUNTED = "status = 'ok' AND first"
MOST_COMPARED = 20_000
"""Scores of a month that are compared with those of the first."""


def _months(rows: Any) -> Iterator[Part]:
    def logits(month: str) -> list[float]:
        # By the checksum: as good as drawn at random, and always the same.
        sql = f"SELECT logit FROM seen WHERE {_COUNTED} AND month = '{month}' ORDER BY sha256 LIMIT {MOST_COMPARED}"
        return [logit for (logit,) in rows(sql)]

    found = rows(
        f"SELECT month, {_COUNTS}, avg(logit) FROM seen WHERE {_COUNTED} "
        "AND regexp_full_match(month, '\\d{4}-\\d{2}') GROUP BY 1 ORDER BY 1"
    )
    before = logits(found[0][0]) if found else []
    for number, (month, positives, n, mean) in enumerate(found):
        p = compare(before, logits(month)).p if number else None
        yield Part(month, proportion(positives, n), mean, p)


def _lines(said: Report) -> Iterator[str]:
    manifest = said.manifest
    yield f"# {manifest.asked.source}"
    yield ""
    yield f"{manifest.files:,} files: {manifest.done:,} done, {manifest.left:,} left."
    if manifest.poisoned_files:
        yield f"{manifest.poisoned_files:,} files ended their worker twice: {', '.join(manifest.poisoned)}."
    for found in said.found:
        yield f"\n## {found.model}\n"
        counts = manifest.counts[found.model]
        yield ", ".join(f"{count:,} {status}" for status, count in counts.items()) + "."
        if found.duplicates:
            yield f"{found.duplicates:,} files hold the same bytes as one before, and are counted once below."
        yield f"\nPositive among what was screened: {found.prevalence.percent}. Refused: {found.refused.percent}."
        if found.sensitivity.n or found.specificity.n:
            by_labels = f"sensitivity {found.sensitivity.percent}, specificity {found.specificity.percent}"
            yield f"By the list's labels: {by_labels}."
        yield from _table("Why refused", found.reasons)
        yield from _table("Quality", found.defects)
        for name, parts in found.groups.items():
            yield from _table(f"Positive by {name}", parts)
        yield from _table("Positive by month", found.months)
    yield f"\n{DISCLAIMER}"


def _table(title: str, parts: Sequence[Part]) -> Iterator[str]:
    if not parts:
        return
    drift = any(part.mean_logit is not None for part in parts)
    yield f"\n| {title} | share |" + (" mean logit | against the first month, p |" if drift else "")
    yield "|---|---|" + ("---|---|" if drift else "")
    for part in parts:
        more = f" {part.mean_logit:.2f} | {'' if part.p is None else f'{part.p:.3g}'} |" if drift else ""
        yield f"| {part.name.replace('|', '/')} | {part.share.percent} |{more}"

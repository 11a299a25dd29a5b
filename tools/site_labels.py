"""The labels of a dataset's split as the table that `pulmoscan accept` takes; for trying it where data lie at hand.

python -m tools.site_labels ../shared/data/kermany --split test > labels.csv
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pulmoscan.training.data.datasets import SPLITS, Example, load_dataset, one_split_per_patient, read_index, select

COLUMNS = ("file", "label", "patient", "age", "sex", "view", "boxes")


def rows(folder: Path, examples: Sequence[Example]) -> Iterator[tuple[object, ...]]:
    """A row for each example; the sex comes from the dataset's own index, where it has one."""
    sexes = {row["file"]: row.get("sex", "") for row in read_index(folder / "index.csv")}
    for e in examples:
        view = e.subgroup if e.population == "adult" else ""
        boxes = json.dumps([list(box) for box in e.boxes]) if e.boxes else ""
        age = "" if e.age is None else e.age
        yield e.path.relative_to(folder).as_posix(), e.label, e.patient, age, sexes.get(e.path.name, ""), view, boxes


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the table to standard output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--split", choices=SPLITS, default="test")
    options = parser.parse_args(arguments)
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows(rows(options.folder, select(one_split_per_patient(load_dataset(options.folder)), options.split)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The fields of a case, by the one table that case, command line and tables of cases read.

`data/case_fields.csv` has of each its kind (or choices joined by |), the least that a number may
be, the group and flag of the command's help, the columns of tables that hold it, and what it is.
"""

from __future__ import annotations

import csv
from pathlib import Path

from modelworth import data

with (Path(data.__file__).parent / "case_fields.csv").open(encoding="utf-8") as lines:
    FIELDS = {row["name"]: row for row in csv.DictReader(lines)}
LEAST = {name: int(row["least"]) for name, row in FIELDS.items() if row["least"]}
COLUMNS = {column: name for name, row in FIELDS.items() for column in row["columns"].split()}
"""Column of a table → the field that it holds."""


def flag_of(name: str) -> str:
    """A field's flag; any other name as it is."""
    return (FIELDS[name]["flag"] if name in FIELDS else "") or name

"""The shipped tables of facts as frames for a page, and a reader's own copy of one.

Each row comes with its source, its age and a mark where it is old; a copy is checked row by row
before it is given back.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pandas as pd

from modelworth.costmodel.scenario.drivers import Driver, load_drivers
from modelworth.data.catalog import (
    Accelerator,
    Carbon,
    Catalog,
    Electricity,
    ModelEntry,
    Purchase,
    Rent,
)
from modelworth.data.csv_rows import Row, read_table

STALE_DAYS = {"rents": 90, "purchases": 180, "electricity": 730, "carbon": 730, "drivers": 365}
"""From which age a row is marked; facts without an entry don't age."""
ROW_TYPES: dict[str, type[Row]] = {
    "accelerators": Accelerator, "rents": Rent, "purchases": Purchase,
    "electricity": Electricity, "carbon": Carbon, "models": ModelEntry, "drivers": Driver,
}  # fmt: skip
CALLED = {"electricity": "electricity_prices", "carbon": "carbon_intensities"}
"""What the catalogue calls these tables."""
HIDDEN = ("config",)
AROUND = ("stale", "as_of", "age_days", "source")


def rows(catalog: Catalog, table: str) -> Sequence[Row]:
    """A table's rows."""
    if table == "drivers":
        return tuple(load_drivers().values())
    found: Sequence[Row] = getattr(catalog, CALLED.get(table, table))
    return found


def frame(catalog: Catalog, table: str) -> pd.DataFrame:
    """The table without age, as its CSV file has it."""
    listed = [row.model_dump(exclude=set(HIDDEN)) for row in rows(catalog, table)]
    found = pd.DataFrame(listed)
    for column in ("aliases", "choices"):
        if column in found:
            found[column] = found[column].map("|".join)
    return found


def aged(catalog: Catalog, table: str, today: date) -> pd.DataFrame:
    """The table with the age of each row in days, and whether that is too old."""
    found = frame(catalog, table)
    ages = [row.age_days(today) for row in rows(catalog, table)]
    limit = STALE_DAYS.get(table)
    found.insert(0, "stale", [limit is not None and age > limit for age in ages])
    found["age_days"] = ages
    name, *rest = [column for column in found if column not in AROUND]
    return found[["stale", name, "as_of", "age_days", *rest, "source"]]


def checked_copy(edited: pd.DataFrame, table: str) -> str:
    """A reader's edited copy as CSV text.

    Raises:
        InputError: if a row isn't right, with its line.
    """
    text = edited.to_csv(index=False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{table}.csv"
        path.write_text(text, encoding="utf-8")
        read_table(path, ROW_TYPES[table])
    return text

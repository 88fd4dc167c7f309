"""Remakes the tables that predictions rest on from a folder of published measurements.

`refit` reads the folder's tables in both generations, fits each kind of work, and takes interval
widths from errors with whole groups left out. Run by `modelworth predict --calibrate DIR`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from modelworth.costmodel.prediction.fit.least_squares import completed, fit, known_factors
from modelworth.costmodel.prediction.fit.leave_out import LeftOut, leave_out
from modelworth.costmodel.prediction.fit.observed import Observed, Rejected, read_folders
from modelworth.costmodel.prediction.fit.widths import Tried, interval_rows
from modelworth.costmodel.prediction.step.coefficients import (
    CoefficientRow,
    IntervalRow,
    Kind,
    Tables,
    shipped_rates,
)
from modelworth.data.catalog import load_catalog

AS_OF = "2026-11"


@dataclass(frozen=True)
class Refit:
    """New tables, and what they rest on."""

    tables: Tables
    observed: dict[Kind, list[Observed]]
    left_out: dict[Kind, dict[str, LeftOut]]
    rejected: tuple[Rejected, ...]


def refit(*folders: Path) -> Refit:
    """Tables fitted to the measurements of folders.

    Raises:
        InputError: if one has none of the files.
    """
    bare = Tables(shipped_rates(), ())
    observed, rejected = read_folders(folders, load_catalog(), bare)
    fitted: list[CoefficientRow] = []
    intervals: list[IntervalRow] = []
    left: dict[Kind, dict[str, LeftOut]] = {}
    for kind, rows in observed.items():
        if not rows:
            continue
        fitted += fit(rows, bare, known_factors())
        left[kind] = leave_out(rows, bare)
        intervals += interval_rows(Tried.of(rows, left[kind]), AS_OF)
    tables = Tables(bare.rates, completed(fitted), tuple(intervals))
    return Refit(tables, observed, left, tuple(rejected))


def write_tables(tables: Tables, folder: Path) -> list[Path]:
    """The two tables as CSV files in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    named = {"coefficients.csv": tables.coefficients, "intervals.csv": tables.intervals}
    for name, rows in named.items():
        frame = pd.DataFrame([row.model_dump() for row in rows])
        last = ["source", "as_of"]
        frame = frame[[column for column in frame.columns if column not in last] + last]
        frame.to_csv(folder / name, index=False, lineterminator="\n")
    return [folder / name for name in named]

"""The business model: one table of named formulas, data/lines.csv, in the order of its sections.

A name with a dot is a driver of data/drivers.csv, a name without is another line. Month 0 is before
opening; a month is 730 hours; money is nominal USD. A formula's line breaks there mean nothing.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import Any, Final

from modelworth import data
from modelworth.costmodel.formula.text import Line

PATH: Final = Path(data.__file__).parent / "lines.csv"


def _line(row: dict[str, Any]) -> Line:
    formula = " ".join(row["formula"].split())
    return Line(row["line"], row["unit"], row["section"], formula, row["note"], row["source"])


@cache
def load_lines() -> tuple[Line, ...]:
    """The table's lines, in its order."""
    with PATH.open(newline="", encoding="utf-8") as rows:
        return tuple(map(_line, csv.DictReader(rows, strict=True)))

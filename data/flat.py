"""A measurement as one row of a table: which columns there are and where each stands in the record.

The columns are for reading, filtering and charts; samples, the model's config and library versions
stay in the record. A value that isn't known is None.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from csv import DictReader
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from modelworth.data.json_reader import LARGEST_WHOLE

if TYPE_CHECKING:
    import pandas as pd

Sort = Literal["text", "number", "count", "truth", "time", "list"]

Column = tuple[str, Sort]
"""Path in the record, and sort of value; lists are joined with ";"."""


def _columns() -> dict[str, Column]:
    with (Path(__file__).parent / "columns.csv").open(newline="", encoding="utf-8") as file:
        return {row["column"]: (row["path"], cast(Sort, row["sort"])) for row in DictReader(file)}


COLUMNS: Final = _columns()
_PATHS: Final = tuple((path.split("."), sort) for path, sort in COLUMNS.values())
_ALWAYS: Final = tuple(list(COLUMNS).index(name) for name in ("id", "model", "count", "batch"))
_TYPES: Final[dict[Sort, Any]] = {
    "number": (int, float), "count": int, "truth": bool, "list": (), "text": str, "time": str,
}  # fmt: skip


def row_of(text: str) -> list[Any] | None:
    """A record's values in the order of `COLUMNS`, None where it has none; None if it is none."""
    try:
        document = json.loads(text)
        datetime.fromisoformat(document["recorded_at"])
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    row = [_value(document, path, sort) for path, sort in _PATHS]
    return None if any(row[place] is None for place in _ALWAYS) else row


def _value(document: Any, path: list[str], sort: Sort) -> Any:
    """What stands at a path, if it is of its sort: somebody may have written around the library."""
    value = document
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    if sort == "list" and isinstance(value, list):
        return ";".join(map(str, value)) or None
    if not isinstance(value, _TYPES[sort]):
        return None
    return value if sort != "count" or abs(value) <= LARGEST_WHOLE else None


def framed(texts: Iterable[str]) -> pd.DataFrame:
    """Records, each a JSON text, as a table; what isn't a record is left out.

    Numbers and counts are float64 (NaN: unknown), except `count` and `batch`, always known;
    `recorded_at` is in UTC; the rest are text or truth values, missing where unknown.
    """
    import pandas as pd

    rows = [row for text in texts if (row := row_of(text)) is not None]
    frame = pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)
    return frame.astype({name: _dtype(name) for name in COLUMNS})


def _dtype(column: str) -> str:
    if column in ("count", "batch"):
        return "int64"
    sort = COLUMNS[column][1]
    if sort == "time":
        return "datetime64[us, UTC]"
    return {"number": "float64", "count": "float64", "truth": "boolean"}.get(sort, "str")

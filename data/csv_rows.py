"""Reading the project's CSV tables into typed rows; a bad row is refused with file and line."""

from __future__ import annotations

import csv
import io
from datetime import date
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from modelworth.data.errors import InputError
from modelworth.data.foreign_file import read_text

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
AsOf = Annotated[str, StringConstraints(pattern=r"^\d{4}(-\d{2}(-\d{2})?)?$")]


class Row(BaseModel):
    """One fact: frozen, no unknown columns, with its source and date.

    Attributes:
        source: where the fact was read.
        as_of: year, month or day for which it holds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    source: Text
    as_of: AsOf

    def age_days(self, today: date) -> int:
        """Days from the first day that `as_of` can mean to `today`."""
        year, month, day = (*(int(part) for part in self.as_of.split("-")), 1, 1)[:3]
        return (today - date(year, month, day)).days


R = TypeVar("R", bound=Row)


def read_table(path: Path, row_type: type[R]) -> list[R]:
    """The rows of a CSV file; an empty cell is an unknown value.

    Raises:
        InputError: if the file can't be read or a row is wrong, with file and line.
    """
    rows: list[R] = []
    try:
        lines = io.StringIO(read_text(path, "a readable CSV file"), newline="")
        reader = csv.DictReader(lines, strict=True)
        for cells in reader:
            rows.append(_parsed(f"{path}:{reader.line_num}", cells, row_type))
    except csv.Error as error:
        raise InputError(str(path), str(error), "a readable CSV file") from error
    return rows


def _parsed(where: str, cells: dict[str | Any, Any], row_type: type[R]) -> R:
    """One row's cells as a `row_type`."""
    if None in cells or None in cells.values():
        raise InputError(where, "a row of another length", "as many cells as the header has")
    try:
        return row_type.model_validate({key: cell for key, cell in cells.items() if cell != ""})
    except ValidationError as error:
        first = error.errors()[0]
        column = ".".join(str(part) for part in first["loc"])
        found = cells.get(column) or "nothing"
        raise InputError(f"{where}: {column}", found, f"right ({first['msg']})") from error

"""How many bits a stored weight takes, scales included: one table for the whole project."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import PositiveFloat

from modelworth.data.csv_rows import Row, Text, read_table
from modelworth.data.errors import InputError

TABLE = Path(__file__).parent / "weight_formats.csv"


class WeightFormat(Row):
    """A format of weights.

    Attributes:
        bits: of one weight, its share of scales and zeros included.
        products: the precision whose rate its products run at or above, in the project's words.
    """

    name: Text
    bits: PositiveFloat
    products: Text


@cache
def weight_formats() -> dict[str, WeightFormat]:
    """The formats by name."""
    return {row.name: row for row in read_table(TABLE, WeightFormat)}


def weight_format(name: str) -> WeightFormat:
    """The format called so; case and dashes don't matter.

    Raises:
        InputError: if there is none.
    """
    key = name.strip().lower().replace("-", "_")
    if key not in weight_formats():
        raise InputError("precision", name, f"one of {', '.join(weight_formats())}")
    return weight_formats()[key]

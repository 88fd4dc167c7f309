"""What every part of a measurement is built on: frozen, strict, its numbers and texts bounded.

The bounds admit anything that a data centre of the next decades could report, and refuse what can
only be a wrong unit, a wrong field or an attack: a batch of 10^30, a parameter count that no
database can hold, a name of a thousand characters, a direction mark that turns a table around.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from modelworth.data.errors import InputError
from modelworth.data.json_reader import LARGEST_WHOLE, check_plain
from modelworth.data.plain_text import LONGEST_NAME, check_text


def _plain_text(text: str) -> str:
    try:
        return check_text(text, "text")
    except InputError as error:
        raise ValueError(f"{error.found} is not {error.allowed}") from error


def _plain_data(found: dict[str, Any]) -> dict[str, Any]:
    try:
        check_plain(found, "config")
    except InputError as error:
        raise ValueError(f"{error.where}: {error.found} is not {error.allowed}") from error
    return found


Share = Annotated[float, Field(ge=0, le=1)]
Utilisation = Annotated[float, Field(ge=0, le=10**6)]
"""By a convention that counts work which a kernel may leave out; what it does is at most 1."""
Count = Annotated[int, Field(ge=0, le=LARGEST_WHOLE)]
"""Up to 2^53, the last whole number that every program and table holds exactly."""
PositiveCount = Annotated[int, Field(ge=1, le=LARGEST_WHOLE)]
Degree = Annotated[int, Field(ge=1, le=10**7)]
"""Devices, ranks, cores: more than were ever built into one machine."""
Size = Annotated[int, Field(ge=1, le=10**9)]
"""Sequences in a batch, tokens of a sequence, pixels of a side."""
NonNegative = Annotated[float, Field(ge=0, le=1e30)]
Positive = Annotated[float, Field(gt=0, le=1e30)]
"""Up to 10^30: a year of all the world's computing is some 10^29 FLOPs."""
Celsius = Annotated[float, Field(ge=-100, le=300)]
Text = Annotated[str, Field(max_length=2000), AfterValidator(_plain_text)]
Name = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(_plain_text)]
Config = Annotated[dict[str, Any], AfterValidator(_plain_data)]


class Record(BaseModel):
    """A part of a measurement: frozen, no unknown keys, no infinities."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, ser_json_inf_nan="constants"
    )


def require_ordered(value: float, low: float | None, high: float | None) -> None:
    """An interval holds its value; an end that isn't known says nothing.

    Raises:
        ValueError: if it doesn't.
    """
    low, high = value if low is None else low, value if high is None else high
    if not low <= value <= high:
        raise ValueError(f"low {low} ≤ value {value} ≤ high {high} must hold")

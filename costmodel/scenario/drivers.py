"""The drivers of the business model: what each one means, may be, and is if nobody says otherwise.

The table is data/drivers.csv. `minimum` and `maximum` are what is possible; `low` and `high` what
is plausible (10th to 90th percentile, roughly); `default` what is assumed. Quality A: a primary
source was read; B: a secondary one; C: judgement, which the user must confirm.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import field_validator

from modelworth import data
from modelworth.costmodel.analysis import Section
from modelworth.costmodel.scenario.fields import LARGEST, number
from modelworth.data.csv_rows import Row, Text, read_table
from modelworth.data.errors import InputError

Kind = Literal["number", "integer", "switch", "choice", "monthly"]
PATH = Path(data.__file__).parent / "drivers.csv"
MARKET: Final = "demand.market_price_fall_factor_per_year"
#: driver → the one whose value it takes while nothing else is said about it
FOLLOWS: Final[Mapping[str, str]] = {
    "revenue.price_fall_factor_per_year": MARKET,
    "compute.api_price_fall_factor_per_year": MARKET,
    "building.carbon_g_per_kwh": "compute.carbon_g_per_kwh",
    "demand.anchor.input_price_usd_per_million_tokens":
        "revenue.api.price_usd_per_million_input_tokens",
    "demand.anchor.output_price_usd_per_million_tokens":
        "revenue.api.price_usd_per_million_output_tokens",
    "demand.anchor.seat_price_usd_per_month": "revenue.seats.price_usd_per_month",
    "demand.anchor.contract_usd_per_year": "revenue.enterprise.contract_usd_per_year",
    "demand.anchor.image_price_usd": "revenue.images.price_usd_per_image",
    "demand.anchor.call_price_usd_per_thousand": "revenue.calls.price_usd_per_thousand_calls",
    "demand.anchor.finetune_price_usd_per_million_tokens":
        "revenue.finetune.price_usd_per_million_tokens",
    "demand.anchor.gpu_hour_price_usd": "revenue.compute.price_usd_per_gpu_hour",
}  # fmt: skip
#: own price → the price at which its volume holds
ANCHORS: Final[Mapping[str, str]] = {
    own: anchor for anchor, own in FOLLOWS.items() if anchor.startswith("demand.anchor.")
}


class Driver(Row):
    """One row of the table of drivers.

    Attributes:
        kind: number, integer, switch (false or true), choice (one of `choices`), or monthly (a
            list whose first entry is the first month of operation; month 0 takes it too, and the
            last one holds from there).
        default: what holds where the scenario doesn't say; of a choice, the place of its word.
        distribution: shape of the plausible range: pert, lognormal, fixed or user.
    """

    key: Text
    section: Section
    kind: Kind = "number"
    unit: Text
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    low: float | None = None
    default: float
    high: float | None = None
    distribution: Literal["pert", "lognormal", "fixed", "user"] = "fixed"
    quality: Literal["A", "B", "C"] = "C"
    meaning: Text

    @field_validator("choices", mode="before")
    @classmethod
    def _split(cls, cell: object) -> object:
        return tuple(cell.split("|")) if isinstance(cell, str) else cell

    @property
    def allowed(self) -> str:
        """What may stand for this driver, in words."""
        if self.kind == "choice":
            return f"one of {', '.join(self.choices)}"
        if self.kind == "switch":
            return "true or false"
        sort = "a whole number" if self.kind == "integer" else "a number"
        low, high = self.minimum, self.maximum
        if low is not None and high is not None:
            sort += f" from {low:g} to {high:g}"
        elif low is not None:
            sort += f", {low:g} or more"
        elif high is not None:
            sort += f", {high:g} or less"
        return f"{sort} ({self.meaning}; {self.unit})"

    def word(self, value: float) -> str:
        """The word of a choice that a number stands for."""
        return self.choices[int(value)]

    def number(self, where: str, value: object) -> float:
        """The number that a scenario's plain value stands for.

        Raises:
            InputError: if it isn't of this driver's kind or out of its range.
        """
        if self.kind == "choice":
            if not isinstance(value, str) or value not in self.choices:
                raise InputError(where, value, self.allowed)
            return float(self.choices.index(value))
        if self.kind == "switch":
            if not isinstance(value, bool):
                raise InputError(where, value, self.allowed)
            return float(value)
        low = -LARGEST if self.minimum is None else self.minimum
        high = LARGEST if self.maximum is None else self.maximum
        found = number(where, value, self.allowed, low, high)
        if self.kind == "integer" and not found.is_integer():
            raise InputError(where, value, self.allowed)
        return found


@cache
def load_drivers() -> Mapping[str, Driver]:
    """The shipped drivers by key, in the order of the table."""
    rows = read_table(PATH, Driver)
    found = {row.key: row for row in rows}
    if len(found) != len(rows):
        raise InputError(str(PATH), "a key twice", "one row a key")
    return found


def choices(drivers: Mapping[str, Driver]) -> Mapping[str, tuple[str, ...]]:
    """Driver → the words it may take, as the formula reader wants them."""
    words = {"switch": ("false", "true")}
    return {key: words.get(row.kind, row.choices) for key, row in drivers.items()}


def as_array(driver: Driver, value: object, months: int) -> NDArray[np.float64]:
    """A driver's value as an array of (1 or months + 1, 1 or trials)."""
    array = np.asarray(value, dtype=float)
    if driver.kind == "monthly":
        given = np.atleast_1d(array)
        row = np.concatenate([given[:1], given])[: months + 1]
        padded = np.pad(row, (0, months + 1 - len(row)), mode="edge")
        return padded[:, None]
    return array.reshape(1, -1)

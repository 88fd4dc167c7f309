"""What a million tokens and a GPU hour were asked for, by date: the past of a scenario's market.

Each row is a price as it was published on its date, with its source; none is rewritten, and a new
price is a new row. `status` says whether the row was read in the source (verified), in a page that
quotes it (reported), or follows from another figure (derived).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import NonNegativeFloat, PositiveFloat

from modelworth.data.csv_rows import Row, Text, read_table

HERE = Path(__file__).parent
Status = Literal["verified", "reported", "derived"]


class Past(Row):
    """What was true on a date, and how that is known."""

    date: Text
    status: Status
    note: str = ""


P = TypeVar("P", bound=Past)


class PastPrice(Past):
    """What an interface asked for a million tokens."""

    model: Text
    level: Text
    usd_per_million_input_tokens: NonNegativeFloat
    usd_per_million_output_tokens: NonNegativeFloat

    @property
    def blended_usd(self) -> float:
        """USD per million tokens, three prompt tokens for each output token."""
        return (3 * self.usd_per_million_input_tokens + self.usd_per_million_output_tokens) / 4


class PastRent(Past):
    """What a GPU hour was rented for."""

    accelerator: Text
    terms: Literal["on-demand", "spot", "1-year", "3-year", "resale"]
    provider: Text
    usd_per_gpu_hour: PositiveFloat


class PastTraining(Past):
    """What the final training run of a model cost, by three ways of counting."""

    model: Text
    training_flop: PositiveFloat | None = None
    cloud_cost_usd: PositiveFloat | None = None
    amortised_usd: PositiveFloat | None = None
    hardware_acquisition_usd: PositiveFloat | None = None


def _by_date(table: str, row_type: type[P]) -> tuple[P, ...]:
    return tuple(sorted(read_table(HERE / table, row_type), key=lambda row: row.date))


@cache
def past_prices() -> tuple[PastPrice, ...]:
    """Prices of tokens, oldest first."""
    return _by_date("price_history.csv", PastPrice)


@cache
def past_rents() -> tuple[PastRent, ...]:
    """Rents of GPUs, oldest first."""
    return _by_date("rent_history.csv", PastRent)


@cache
def past_training_costs() -> tuple[PastTraining, ...]:
    """Final training runs, oldest first."""
    return _by_date("training_cost_history.csv", PastTraining)

"""Surprises of prices and rents that a scenario draws because it states their volatility.

They are standard normal, a driver for each year of the longest horizon; one that the scenario
settles itself stays as it is.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

#: years in which a path has a surprise of its own
YEARS: Final = 10
#: drivers of a random path, by the beginning of their names
PATHS: Final = ("demand.market_price", "compute.rent")
SPEC: Final[dict[str, Any]] = {"normal": {"mean": 0.0, "sd": 1.0}}
NOTE: Final = "drawn from a standard normal: the volatility is above 0"


def to_draw(volatile: Collection[str], settled: Collection[str], months: int) -> tuple[str, ...]:
    """Drivers to be drawn.

    Args:
        volatile: of `PATHS`, those whose volatility is above 0.
        settled: drivers that the scenario states.
        months: the horizon; the first month has no surprise yet.
    """
    years = range(1, min(YEARS, -(-(months - 1) // 12)) + 1)
    keys = [f"{path}_surprise_year_{year}" for path in volatile for year in years]
    return tuple(key for key in keys if key not in settled)

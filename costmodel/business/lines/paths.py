"""Paths of prices and rents: falling by a factor a year, a table, or drawn back to a level.

Around each, a trial may have surprises that arrive and fade. The logarithm's deviation follows an
Ornstein-Uhlenbeck process whose shock is the same in all months of a year, so that a year's
surprise is one driver: it can be drawn, turned, and worth knowing. Each arrives evenly over its
year and fades at the path's speed of reversion; the path stated is the middle of the trials.
"""

from __future__ import annotations

from modelworth.costmodel.analysis import Section
from modelworth.costmodel.formula.text import Line
from modelworth.costmodel.scenario.surprises import YEARS


def path(name: str, index: str, drivers: str, section: Section) -> tuple[Line, ...]:
    """The lines of one path: its index at the start, and by month with its surprises."""
    level, reverts = f"{drivers}_long_run_ratio", f"{drivers}_reversion_per_year"

    def shape(table: str, per: str, time: str) -> str:
        return (
            f'where({drivers}_path == "exponential",'
            f" exp(-ln({drivers}_fall_factor_per_year){per} * {time}),"
            f' where({drivers}_path == "table", {table},'
            f" {level} + (1 - {level}) * exp(-{reverts}{per} * {time})))"
        )

    at_start = shape("1", "", "demand.years_until_start")
    by_month = shape(f"{drivers}_index_by_month", " / 12", "market_months")
    return (
        *_surprise(name, drivers, section),
        Line(f"opening_{name}_index", "ratio", section, at_start,
             "at the start over that of the day of the plan's prices"),
        Line(index, "ratio", section, f"{name}_surprise * {by_month}",
             "relative to the day of the plan's prices; what is bought and sold follows it"),
    )  # fmt: skip


def _surprise(name: str, drivers: str, section: Section) -> tuple[Line, ...]:
    """What a trial's surprises make of a path: shock of the year, deviation, and factor."""
    volatile = f"where({drivers}_volatility_per_year > 0, "
    shocks = " + ".join(
        f"{drivers}_surprise_year_{year} * (ceil(elapsed_months / 12) == {year})"
        for year in range(1, YEARS + 1)
    )
    return (
        Line(f"{name}_monthly_keep", "ratio", section, f"exp(-{drivers}_reversion_per_year / 12)"),
        Line(f"{name}_shock", "standard deviations", section, f"{volatile}{shocks}, 0)"),
        Line(
            f"{name}_deviation", "standard deviations", section,
            f"{volatile}where(month > 1, prev({name}_deviation, 0) * {name}_monthly_keep"
            f" + {name}_shock * (1 - {name}_monthly_keep), 0), 0)",
            "surprises so far, as far as they haven't faded",
        ),
        Line(
            f"{name}_surprise", "ratio", section,
            f"{volatile}exp({drivers}_volatility_per_year / {drivers}_reversion_per_year"
            f" * {name}_deviation), 1)",
            "what surprises make of the path", "Ornstein and Uhlenbeck 1930, by years",
        ),
    )  # fmt: skip

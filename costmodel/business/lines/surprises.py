"""Random paths of prices and rents within a trial: surprises that arrive and fade around a path.

The logarithm's deviation follows an Ornstein-Uhlenbeck process whose shock is the same in all
months of a year, so that a year's surprise is one driver: it can be drawn, turned, and worth
knowing. Each arrives evenly over its year and fades at the path's speed of reversion; the path
stated is the middle of the trials.
"""

from __future__ import annotations

from modelworth.costmodel.analysis import Section
from modelworth.costmodel.formula.text import Line
from modelworth.costmodel.scenario.surprises import YEARS


def surprise(name: str, drivers: str, section: Section) -> tuple[Line, ...]:
    """The lines of one path: its year's shock, the deviation, and the factor on its index."""
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

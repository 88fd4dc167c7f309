"""Random paths of prices and rents within a trial: surprises that arrive and fade around a path.

The logarithm's deviation follows an Ornstein-Uhlenbeck process whose shock is the same in all
months of a year, so that a year's surprise is one driver: it can be drawn, turned, and worth
knowing. Each arrives evenly over its year and fades at the path's speed of reversion; the path
stated is the middle of the trials. Surprises of later years than the fifth are left out.
"""

from __future__ import annotations

from modelworth.costmodel.analysis import Section
from modelworth.costmodel.formula.text import Line
from modelworth.costmodel.scenario.surprises import YEARS


def surprise(name: str, drivers: str, section: Section) -> tuple[Line, Line]:
    """The lines of one path: its monthly pull, and the factor on its index."""
    fade = f"{name}_monthly_pull"
    years = " + ".join(
        f"{drivers}_surprise_year_{year}"
        f" * (1 - exp(-{fade} * max(0, min(12, elapsed_months - {12 * (year - 1)}))))"
        f" * exp(-{fade} * max(0, elapsed_months - {12 * year}))"
        for year in range(1, YEARS + 1)
    )
    return (
        Line(fade, "1/month", section, f"{drivers}_reversion_per_year / 12"),
        Line(
            f"{name}_surprise", "ratio", section,
            f"where({drivers}_volatility_per_year > 0, exp({drivers}_volatility_per_year"
            f" / {drivers}_reversion_per_year * ({years})), 1)",
            "what surprises make of the path", "Ornstein and Uhlenbeck 1930, by years",
        ),
    )  # fmt: skip

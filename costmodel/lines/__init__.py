"""The business model: one table of named formulas, by section.

Each module holds the lines of a section or of a part of one. A name with a dot is a driver of
data/drivers.csv, a name without is another line. Month 0 is before opening; a month is 730 hours;
money is nominal USD.
"""

from __future__ import annotations

from costmodel.lines import (
    building,
    capacity,
    cash,
    company,
    compute,
    demand,
    outcome,
    owned,
    revenue,
    trust,
    unit_cost,
)

__all__ = ["LINES"]

LINES = (
    *demand.LINES,
    *revenue.LINES,
    *capacity.LINES,
    *compute.LINES,
    *owned.LINES,
    *unit_cost.LINES,
    *building.LINES,
    *trust.LINES,
    *company.LINES,
    *cash.LINES,
    *outcome.LINES,
)

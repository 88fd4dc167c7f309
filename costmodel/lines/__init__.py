"""The business model: one table of named formulas, by section.

Each module holds the lines of a section or of a part of one. A name with a dot is a driver of
data/drivers.csv, a name without is another line. Month 0 is before opening; a month is 730 hours;
money is nominal USD.
"""

from __future__ import annotations

from costmodel.lines.building import LINES as BUILDING
from costmodel.lines.capacity import LINES as CAPACITY
from costmodel.lines.cash import LINES as CASH
from costmodel.lines.company import LINES as COMPANY
from costmodel.lines.compute import LINES as COMPUTE
from costmodel.lines.demand import LINES as DEMAND
from costmodel.lines.outcome import LINES as OUTCOME
from costmodel.lines.owned import LINES as OWNED
from costmodel.lines.ratios import LINES as RATIOS
from costmodel.lines.revenue import LINES as REVENUE
from costmodel.lines.trust import LINES as TRUST
from costmodel.lines.unit_cost import LINES as UNIT_COST

__all__ = ["LINES"]

LINES = (
    *DEMAND,
    *REVENUE,
    *CAPACITY,
    *COMPUTE,
    *OWNED,
    *UNIT_COST,
    *BUILDING,
    *TRUST,
    *COMPANY,
    *CASH,
    *OUTCOME,
    *RATIOS,
)

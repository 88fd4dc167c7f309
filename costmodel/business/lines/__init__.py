"""The business model: one table of named formulas, by section.

Each module holds the lines of a section or of a part of one. A name with a dot is a driver of
data/drivers.csv, a name without is another line. Month 0 is before opening; a month is 730 hours;
money is nominal USD.
"""

from __future__ import annotations

from modelworth.costmodel.business.lines.building import LINES as BUILDING
from modelworth.costmodel.business.lines.capacity import LINES as CAPACITY
from modelworth.costmodel.business.lines.cash import LINES as CASH
from modelworth.costmodel.business.lines.company import LINES as COMPANY
from modelworth.costmodel.business.lines.compute import LINES as COMPUTE
from modelworth.costmodel.business.lines.debt import LINES as DEBT
from modelworth.costmodel.business.lines.demand import LINES as DEMAND
from modelworth.costmodel.business.lines.outcome import LINES as OUTCOME
from modelworth.costmodel.business.lines.owned import LINES as OWNED
from modelworth.costmodel.business.lines.ratios import LINES as RATIOS
from modelworth.costmodel.business.lines.reported import LINES as REPORTED
from modelworth.costmodel.business.lines.revenue import LINES as REVENUE
from modelworth.costmodel.business.lines.streams import LINES as STREAMS
from modelworth.costmodel.business.lines.trust import LINES as TRUST
from modelworth.costmodel.business.lines.unit_cost import LINES as UNIT_COST

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
    *STREAMS,
    *DEBT,
    *CASH,
    *OUTCOME,
    *RATIOS,
    *REPORTED,
)

"""How far each driver moves NPV by itself, and how much of that are defaults nobody looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from modelworth.costmodel.analysis import DefaultsShare, Swing
from modelworth.costmodel.business.assumptions import Assumptions
from modelworth.costmodel.risk.sensitivity import Indicator, ranges_of, tornado
from modelworth.costmodel.scenario.drivers import FOLLOWS

NAMED: Final = 3


def swings(basis: Assumptions, indicator: Indicator | None = None) -> tuple[Swing, ...]:
    """NPV with each driver at its low and high, widest first: uncertain ones, and defaults.

    Args:
        basis: the plan.
        indicator: what is looked at in place of the plan's NPV.
    """
    used = basis.model.drivers_of("npv_usd")
    defaults = {
        key: (row.low, row.high)
        for key, row in basis.model.drivers.items()
        if key in used
        and key not in basis.settings
        and key not in FOLLOWS
        and row.distribution in ("pert", "lognormal")
        and row.low is not None
        and row.high is not None
    }
    drawn = {key: ends for key, ends in ranges_of(basis.uncertain).items() if key in used}
    ranges = defaults | drawn
    base = {key: basis.number(key) for key in ranges}
    ends = tornado(indicator or basis.indicator("npv_usd"), base, ranges)
    return tuple(
        Swing(key, basis.model.drivers[key].unit, *ranges[key], *pair, default=key in defaults)
        for key, pair in ends.items()
        if abs(pair[1] - pair[0]) > 0
    )


def defaults_share(bars: Sequence[Swing]) -> DefaultsShare | None:
    """The part of all squared swings that defaults make, with the widest; None without any."""
    sizes = [(bar, (bar.at_high - bar.at_low) ** 2) for bar in bars]
    known = [(bar, size) for bar, size in sizes if np.isfinite(size)]
    whole = sum(size for _, size in known)
    if whole <= 0:
        return None
    share = sum(size for bar, size in known if bar.default) / whole
    return DefaultsShare(float(share), tuple(bar for bar, _ in known if bar.default)[:NAMED])

"""An indicator over two drivers, all others as an analysis has them: the map behind a break-even.

The whole grid is one call of the model, a column a point. What the analysis knows as numbers is
enough; distributions play no part, so the map is of the base case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelworth.costmodel.analysis import Analysis
from modelworth.costmodel.business.model import Model
from modelworth.costmodel.risk.break_even import axis, over_two
from modelworth.costmodel.risk.flips import search_range
from modelworth.costmodel.scenario.scenario import Scenario
from modelworth.data.errors import InputError

POINTS = 31


@dataclass(frozen=True, slots=True)
class Map:
    """An indicator over two drivers; `rows` has a row for each value of `up`."""

    across: tuple[float, ...]
    up: tuple[float, ...]
    rows: tuple[tuple[float, ...], ...]


def values_of(analysis: Analysis, scenario: Scenario) -> dict[str, Any]:
    """Every driver's value in the base case, those by month as lists."""
    monthly = {
        key: setting.value
        for key, setting in scenario.settings.items()
        if isinstance(setting.value, tuple)
    }
    own = {key: use.value for key, use in analysis.drivers.items() if use.follows is None}
    return own | monthly


def indicator_map(
    months: int,
    values: Mapping[str, Any],
    across: str,
    up: str,
    indicator: str,
    points: int = POINTS,
) -> Map:
    """The indicator at every pair of values of two drivers in their plausible ranges.

    Raises:
        InputError: if both drivers are the same, or one isn't a number.
    """
    if across == up:
        raise InputError("drivers", across, "two different drivers")
    model = Model(months)
    axes = []
    for key in (across, up):
        driver = model.drivers[key]
        if driver.kind != "number":
            raise InputError(key, driver.kind, "a driver that is a number")
        low, high = search_range(driver, float(values.get(key, driver.default)))
        axes.append(axis(low, high, points))
    found = over_two(
        lambda one, other: model.indicators({**values, across: one, up: other}, [indicator])[
            indicator
        ],
        *axes,
    )
    first, second = (tuple(map(float, line)) for line in axes)
    return Map(first, second, tuple(tuple(map(float, row)) for row in found))

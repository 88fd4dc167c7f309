"""Which value of a driver would turn the verdict: the nearest break-even to where it stands now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from modelworth.costmodel.analysis import BreakEven, Flip
from modelworth.costmodel.business.model import Model, Values
from modelworth.costmodel.risk.break_even import Function, Solutions, solve
from modelworth.costmodel.scenario.drivers import Driver

Floats = NDArray[np.float64]


def along(model: Model, values: Values, driver: str, indicator: str) -> Function:
    """The indicator as a function of one driver, all others as in `values`."""

    def function(places: Floats) -> Floats:
        return model.indicators({**values, driver: places}, [indicator])[indicator]

    return function


def search_range(driver: Driver, now: float) -> tuple[float, float]:
    """Where to look for a driver's break-even: its plausible range, widened to hold `now`.

    Without a plausible range: from a tenth to ten times of where it stands.
    """
    low = driver.low if driver.low is not None else min(now / 10, now * 10)
    high = driver.high if driver.high is not None else max(now / 10, now * 10)
    low, high = min(low, now), max(high, now)
    if low == high:
        low, high = now - 1, now + 1
    least = low if driver.minimum is None else max(low, driver.minimum)
    most = high if driver.maximum is None else min(high, driver.maximum)
    return least, most


def break_even(
    model: Model,
    values: Values,
    driver: str,
    indicator: str,
    target: float,
    span: tuple[float, float] | None = None,
) -> tuple[BreakEven, Solutions]:
    """All values of the driver at which the indicator comes to the target, and what was seen."""
    row = model.drivers[driver]
    low, high = span or search_range(row, float(values.get(driver, row.default)))
    found = solve(along(model, values, driver, indicator), low, high, target)
    result = BreakEven(
        driver=driver, unit=row.unit, indicator=indicator, target=target, values=found.values,
        searched_low=low, searched_high=high,
    )  # fmt: skip
    return result, found


def flips(
    model: Model,
    values: Values,
    drivers: Iterable[str],
    targets: Mapping[str, float],
) -> tuple[Flip, ...]:
    """For each driver and each indicator's target, the nearest value that reaches it, if any."""
    return tuple(
        _flip(model, values, driver, indicator, target)
        for indicator, target in targets.items()
        for driver in drivers
        if model.drivers[driver].kind == "number"
    )


def _flip(model: Model, values: Values, driver: str, indicator: str, target: float) -> Flip:
    found, _ = break_even(model, values, driver, indicator, target)
    now = float(values.get(driver, model.drivers[driver].default))
    nearest = min(found.values, key=lambda value: abs(value - now), default=None)
    return Flip(
        driver=driver, unit=found.unit, now=now, at=nearest, indicator=indicator, target=target
    )

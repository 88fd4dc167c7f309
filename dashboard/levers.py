"""The stops of a slider for a driver, and what moving it does to the driver's uncertainty.

Stops are round numbers over the plausible range, the driver's own value among them. A range that
spans more than a factor of twenty is walked in equal ratios, another in equal steps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from modelworth.costmodel.analysis import DriverUse

STOPS = 41
WIDE = 20.0


def stops(driver: DriverUse) -> list[float]:
    """Where a slider for this driver may stand, in ascending order."""
    low, high = _ends(driver)
    if low > 0 and high / low > WIDE:
        ratio = (high / low) ** (1 / (STOPS - 1))
        raw = [low * ratio**index for index in range(STOPS)]
    else:
        raw = [low + (high - low) * index / (STOPS - 1) for index in range(STOPS)]
    whole = driver.unit in ("months", "GPUs", "regions", "replicas", "systems")
    rounded = {float(round(value)) if whole else _short(value, high - low) for value in raw}
    return sorted(rounded | {driver.value})


def _ends(driver: DriverUse) -> tuple[float, float]:
    """The plausible range, widened to hold the value at hand and the plan's own range."""
    own = driver.distribution or {}
    lows = (driver.low, driver.value, own.get("low"))
    highs = (driver.high, driver.value, own.get("high"))
    low = min(value for value in lows if value is not None)
    high = max(value for value in highs if value is not None)
    if low == high:
        return (low / 2, low * 2) if low > 0 else (low - 1.0, low + 1.0)
    return low, high


def _short(value: float, width: float) -> float:
    """The value with as many digits as the range calls for."""
    if value == 0:
        return 0.0
    digits = max(3, 3 + math.floor(math.log10(abs(value))) - math.floor(math.log10(width)))
    return float(f"{value:.{min(digits, 12)}g}")


#: what a distribution's place is made of; a shape (sigma, weights) stays
PLACES = ("low", "mode", "high", "mean", "median", "sd")


def moved(spec: Mapping[str, Any] | None, now: float, wanted: float) -> Any:
    """A driver's value in a scenario, moved to `wanted` with its uncertainty, where it has one.

    A distribution keeps its shape: its place and width grow with the value. One that can't (its
    base is 0, or it lists values) gives way to the number.
    """
    if spec is None or now == 0:
        return wanted
    ratio = wanted / now
    if set(spec) <= {"low", "mode", "high"}:
        return _scaled(spec, ratio)
    kind, inner = next(iter(spec.items()))
    if kind in ("pert", "triangular", "uniform", "normal", "lognormal"):
        return {kind: _scaled(inner, ratio)}
    return wanted


def _scaled(parameters: Mapping[str, Any], ratio: float) -> dict[str, Any]:
    return {
        key: float(f"{value * ratio:.12g}") if key in PLACES else value
        for key, value in parameters.items()
    }

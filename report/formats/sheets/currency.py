"""An analysis with its money in its own currency, for sheets that compute in that.

The model is homogeneous in money: with every price and amount divided by the rate, each formula
gives its amounts divided by the rate and everything else as before; a test holds it to that. So
the inputs are divided, and every formula stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final

from modelworth.costmodel.analysis import (
    Analysis,
    BreakEven,
    Criterion,
    DriverUse,
    Figure,
    Flip,
    Influence,
    Lead,
    OptionResult,
    PredictionUse,
    Risk,
    Series,
    Swing,
)
from modelworth.costmodel.scenario.drivers import load_drivers
from modelworth.report.said import UNLIMITED

#: record → its values that are in the record's unit
IN_UNIT: Final[Mapping[type, tuple[str, ...]]] = {
    Figure: ("base", "p10", "p50", "p90", "mean", "standard_error", "opening", "last"),
    Series: ("base", "p10", "p50", "p90"),
    DriverUse: ("value", "default", "low", "high", "by_month", "distribution"),
    Criterion: ("threshold", "value"),
    Swing: ("low", "high"),
    Flip: ("now", "at", "searched_low", "searched_high", "reached"),
    BreakEven: ("values", "searched_low", "searched_high", "reached"),
    PredictionUse: ("value", "low", "high"),
}
#: record → its values that are money whatever its unit
MONEY: Final[Mapping[type, tuple[str, ...]]] = {
    Swing: ("at_low", "at_high"),
    Influence: ("evppi_usd", "evppi_error_usd"),
    Lead: ("mean_usd", "low_usd", "high_usd", "standard_error_usd"),
    Risk: ("expected_shortfall_usd", "evpi_usd", "bin_edges_usd", "expected_shortfall_error_usd",
           "evpi_error_usd"),
}  # fmt: skip
#: numbers of a distribution that have no unit
SHAPES: Final = frozenset({"sigma", "weights"})


def is_money(unit: str) -> bool:
    """Whether a quantity of this unit is an amount of money, or one per something."""
    return unit.lower().startswith("usd")


def in_own_currency(analysis: Analysis) -> Analysis:
    """The analysis with every amount in its currency; its rate is still that to USD."""
    rate = analysis.usd_per_currency
    return analysis if rate == 1 else _record(analysis, rate)


def _record(one: Any, rate: float) -> Any:
    kind, changes = type(one), {}
    money = MONEY.get(kind, ())
    if is_money(getattr(one, "unit", "")):
        money += IN_UNIT.get(kind, ())
    for part in fields(one):
        value = getattr(one, part.name)
        changed = _over(value, rate) if part.name in money else _within(value, rate)
        if changed is not value:
            changes[part.name] = changed
    if isinstance(one, OptionResult):
        known = load_drivers()
        for part in ("changes", "only_here"):
            changes[part] = {
                key: value / rate if key in known and is_money(known[key].unit) else value
                for key, value in getattr(one, part).items()
            }
    return replace(one, **changes) if changes else one


def _within(value: Any, rate: float) -> Any:
    """Records inside a field."""
    if is_dataclass(value) and not isinstance(value, type):
        return _record(value, rate)
    if isinstance(value, tuple) and value and is_dataclass(value[0]):
        return tuple(_record(one, rate) for one in value)
    if isinstance(value, dict) and value and is_dataclass(next(iter(value.values()))):
        return {key: _record(one, rate) for key, one in value.items()}
    return value


def _over(value: Any, rate: float) -> Any:
    """A number, or all numbers in a field, over the rate; no limit stays none."""
    if isinstance(value, Mapping):
        return {key: one if key in SHAPES else _over(one, rate) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(_over(one, rate) for one in value)
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) >= UNLIMITED:
        return value
    return value / rate

"""From one plan's net present value to another's, a driver at a time.

The drivers on which two plans differ are changed one after another, in the table's order, and each
step is what the value then moves by; so the steps add up to the difference. Where drivers work
together, an earlier one takes the share that is its own at that place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from modelworth.costmodel.business.model import Model

NPV: Final = "npv_usd"
HORIZON: Final = "months"


@dataclass(frozen=True, slots=True)
class Side:
    """A plan as the model takes it: its horizon, and every driver's value in the base case."""

    months: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """What changing one driver (or the horizon) from the first plan to the second moves."""

    driver: str
    usd: float


def bridge(first: Side, second: Side) -> tuple[float, tuple[Step, ...], float]:
    """The first plan's NPV, the steps that lead from it, and the second's."""
    model = Model(first.months)
    values = dict(first.values)
    now = start = _npv(model, values)
    steps = []
    for key, row in model.drivers.items():
        before = first.values.get(key, row.default)
        after = second.values.get(key, row.default)
        if np.array_equal(np.ravel(before), np.ravel(after)):
            continue
        values[key] = after
        then = _npv(model, values)
        if then != now:
            steps.append(Step(key, then - now))
        now = then
    if first.months != second.months:
        then = _npv(Model(second.months), values)
        steps.append(Step(HORIZON, then - now))
        now = then
    return start, tuple(steps), now


def _npv(model: Model, values: Mapping[str, Any]) -> float:
    return float(model.indicators(values, [NPV])[NPV][0])

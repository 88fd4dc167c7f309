"""What became of a plan: its named cases by weight, and what was measured since.

A case changes the plan's drivers over the same trials; the weights of all cases, and of the plan as
it stands for what they leave to 1, make one mean.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from modelworth.costmodel.analysis import Actual, NamedCase, Series
from modelworth.costmodel.business.assumptions import Assumptions
from modelworth.costmodel.risk.simulation import Draws
from modelworth.costmodel.scenario.options import Option, WeightedCase
from modelworth.data.errors import InputError

Floats = NDArray[np.float64]
#: trials over which each case is computed
TRIALS = 4096


def named_cases(
    basis: Assumptions, draws: Draws | None
) -> tuple[tuple[NamedCase, ...], float | None]:
    """Each case's NPV and chance, and the mean by weight; nothing where there are no cases."""
    cases = basis.scenario.cases
    if not cases:
        return (), None
    rest = 1 - sum(case.weight for case in cases)
    if rest > 1e-9:
        cases = (*cases, WeightedCase("plan", "", rest, Option("plan", ())))
    drawn: Mapping[str, Floats] = {}
    if draws is not None:
        drawn = {key: column[:TRIALS] for key, column in draws.drivers.items()}
    found = tuple(_named(basis, case, drawn) for case in cases)
    return found, sum(case.weight * case.npv_usd for case in found)


def _named(basis: Assumptions, case: WeightedCase, drawn: Mapping[str, Floats]) -> NamedCase:
    values = case.option.applied({**basis.values, **drawn})
    npv = basis.model.indicators(values, ["npv_usd"])["npv_usd"]
    chance = float((npv > 0).mean()) if drawn else None
    return NamedCase(case.key, case.label, case.weight, float(npv.mean()), chance)


def actuals(basis: Assumptions, series: Mapping[str, Series]) -> tuple[Actual, ...]:
    """What each line came to, beside what the plan had for that month.

    Raises:
        InputError: if a line isn't one of the model's monthly lines, or a month beyond its horizon.
    """
    found = []
    for line, values in basis.scenario.actuals.items():
        where = f"{basis.scenario.name}.yaml: actuals.{line}"
        if line not in series:
            raise InputError(where, line, "a line of the model by month, such as revenue_usd")
        if len(values) > basis.scenario.months:
            allowed = f"at most the horizon's {basis.scenario.months} months"
            raise InputError(where, f"{len(values)} months", allowed)
        found += [
            _actual(series[line], month, value)
            for month, value in enumerate(values, start=1)
            if value is not None
        ]
    return tuple(sorted(found, key=lambda one: (one.month, one.line)))


def _actual(series: Series, month: int, value: float) -> Actual:
    low = None if series.p10 is None else series.p10[month]
    high = None if series.p90 is None else series.p90[month]
    return Actual(series.key, series.unit, month, series.base[month], value, low, high)

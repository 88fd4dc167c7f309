"""Inputs that a plan states and that change none of its figures, found by changing each of them.

Every stated driver is set to other values it may take, one at a time: in the base case, with all
uncertain drivers low, with all of them high, and in each option that the plan is compared with. One
that moves no figure in any of these is without effect. Of the rates of return the cash flow is
looked at, from which they follow. Not asked about: tables by month, prices that hold a volume, and
what isn't in a formula (the rule, the simulation, what a capacity is found from), but for latency
objectives that no capacity is found for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from modelworth.costmodel.business.indicators import INDICATORS
from modelworth.costmodel.business.model import Model
from modelworth.costmodel.scenario.distributions import Distribution
from modelworth.costmodel.scenario.drivers import ANCHORS
from modelworth.costmodel.scenario.options import Option

Floats = NDArray[np.float64]
OBJECTIVES: Final = ("capacity.objective.ttft_p95_s", "capacity.objective.tpot_p95_s")
#: what a capacity is found from, where it isn't given
ASKED_FOR: Final = frozenset({
    "capacity.gpus_per_replica", "demand.cached_share", "demand.prompt_tokens_per_request",
    "demand.output_tokens_per_request", "demand.reasoning_factor",
})  # fmt: skip
ENDS: Final = (0.1, 0.9)
SAME: Final = 1e-12


def without_effect(
    model: Model,
    values: Mapping[str, Any],
    stated: Iterable[str],
    uncertain: Mapping[str, Distribution],
    options: Callable[[], Iterable[Option]],
    *,
    given: bool,
) -> tuple[str, ...]:
    """The stated drivers that move nothing.

    Args:
        model: over the plan's months.
        values: every driver that stands otherwise than by default.
        stated: drivers to ask about.
        uncertain: what drivers are drawn from.
        options: finds what the plan is compared with; a driver may act in one of them alone.
        given: whether the capacity is stated, so that nothing is found from a latency objective.
    """
    stated = [key for key in stated if model.drivers[key].section != "cash"]
    read = frozenset().union(*(formula.drivers for formula in model.formulas.values()))
    passed = {*ANCHORS.values(), *(() if given else ASKED_FOR)}
    asked = [key for key in stated if key in read and key not in passed
             and model.drivers[key].kind != "monthly"]  # fmt: skip
    if asked := _unmoved(model, [values], asked):
        others = [option.applied(values) for option in options()]
        asked = _unmoved(model, [*(_at(end, values, uncertain) for end in ENDS), *others], asked)
    return (*asked, *(key for key in OBJECTIVES if given and key in stated))


def _at(
    end: float, values: Mapping[str, Any], uncertain: Mapping[str, Distribution]
) -> dict[str, Any]:
    """All uncertain drivers at one end of their ranges."""
    return {**values, **{key: float(one.ppf(np.array([end]))[0]) for key, one in uncertain.items()}}


def _unmoved(model: Model, places: Sequence[Mapping[str, Any]], asked: list[str]) -> list[str]:
    """Those of the drivers that move nothing in any of the places where the others stand."""
    if not asked:
        return asked
    trials = [
        {**place, **change}
        for place in places
        for change in ({}, *({key: other} for key in asked for other in _others(model, key, place)))
    ]
    figures = _figures(model, trials)
    effective: set[str] = set()
    at = 0
    for place in places:
        base = figures[:, at]
        for key in asked:
            for _ in _others(model, key, place):
                at += 1
                if not np.allclose(figures[:, at], base, rtol=SAME, atol=0.0, equal_nan=True):
                    effective.add(key)
        at += 1
    return [key for key in asked if key not in effective]


def _figures(model: Model, trials: Sequence[Mapping[str, Any]]) -> Floats:
    """All figures, and the cash of each month: a column for each trial, all in one run."""
    keys = sorted({row.line or key for key, row in INDICATORS.items()})
    return np.concatenate(list(model.run(side_by_side(model, trials), keys).values()))


def side_by_side(model: Model, trials: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Several sets of drivers as the trials of one run; tables by month are the first one's."""
    table = {key: [one.get(key, model.drivers[key].default) for one in trials]
             for key in set().union(*trials)}  # fmt: skip
    return {
        key: column[0] if model.drivers[key].kind == "monthly" else
        np.array([float(np.ravel(value)[0]) for value in column])
        for key, column in table.items()
    }  # fmt: skip


def acting(model: Model, values: Mapping[str, Any]) -> dict[str, float]:
    """The numbers that move NPV from where they stand, and by how much where they are halved."""
    known = model.completed(values)
    numbers = [
        key
        for key in sorted(model.drivers_of("npv_usd"))
        if model.drivers[key].kind in ("number", "integer") and np.any(known[key])
    ]
    trials = [known, *({**known, key: _half(model, key, known[key])} for key in numbers)]
    npv = model.indicators(side_by_side(model, trials), ["npv_usd"])["npv_usd"]
    moved = dict(zip(numbers, npv[1:] - npv[0], strict=True))
    least = SAME * (1 + abs(float(npv[0])))
    return {key: float(abs(by)) for key, by in moved.items() if abs(by) > least}


def _half(model: Model, key: str, value: Any) -> float:
    """Half of it, or the least that it may be."""
    row, half = model.drivers[key], float(np.ravel(value)[0]) / 2
    least = -np.inf if row.minimum is None else row.minimum
    return max(least, round(half) if row.kind == "integer" else half)


def _others(model: Model, key: str, place: Mapping[str, Any]) -> list[float]:
    """Other values that a driver may take: its words, or far below and above where it stands."""
    row = model.drivers[key]
    now = float(np.ravel(place.get(key, row.default))[0])
    if row.kind in ("choice", "switch"):
        return [float(word) for word in range(len(row.choices) or 2) if word != now]
    tried = [row.low, row.default, row.high, now / 2, 2 * now, now + 1]
    inside = {
        float(np.clip(value, row.minimum, row.maximum)) for value in tried if value is not None
    }
    return sorted({round(value) if row.kind == "integer" else value for value in inside} - {now})

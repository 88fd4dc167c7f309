"""The options side by side: what each costs and earns, how often it is best, and at which volume.

All options see the same draws, so their difference isn't blurred by chance; the plan itself is a
row, and so is doing nothing, which is worth 0 from now on. Best is the highest NPV among those that
can be chosen, and its lead comes with its size and spread. Cost over volume is of the whole plan,
as an equal sum each month that is worth what serving costs (hardware, interfaces, people, models),
as if every option were ready from the start and a given fleet sized to each volume: rents, prices
and volumes move on from the opening month, and what is cheapest in that month alone may not be. The
cheapest may change more than once; every change is listed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from modelworth.costmodel.analysis import (
    Crossing,
    Figure,
    Lead,
    OptionResult,
    VolumeCurve,
)
from modelworth.costmodel.business.indicators import INDICATORS
from modelworth.costmodel.business.model import Model
from modelworth.costmodel.business.without_effect import acting
from modelworth.costmodel.risk.figures import figure_of
from modelworth.costmodel.risk.sensitivity import Indicator
from modelworth.costmodel.risk.simulation import simulate
from modelworth.costmodel.scenario.options import Choice, Option, infeasible
from modelworth.costmodel.scenario.sampling_plan import SamplingPlan

Floats = NDArray[np.float64]
FIGURES: Final = (
    "npv_usd", "usd_per_accepted_result", "payback_months", "peak_funding_usd",
    "gross_margin_share", "mean_utilisation_share", "building_total_usd",
    "plan_month_total_usd",
)  # fmt: skip
#: what may stand for the volume, the first that the scenario has
VOLUMES: Final = (
    "demand.requests_per_month", "revenue.calls.calls_per_month",
    "revenue.images.images_per_month", "revenue.seats.seats", "revenue.internal.staff",
    "revenue.enterprise.contracts",
)  # fmt: skip
COST: Final = "plan_month_total_usd"
SERVED: Final = "served_load_share"
LEAST_SERVED: Final = "verdict.served_share"
SPAN: Final = (0.01, 1000.0)
SEARCHED: Final = 257
SHOWN: Final = 2
ROUNDS: Final = 8
FINER: Final = 9
MAX_CROSSINGS: Final = 40


PLAN: Final = Option("plan", ())
NOTHING: Final = "do_nothing"
#: a lead below this share of the larger of the two that compete is no finding
CLEAR: Final = 0.01
#: trials in which the options compete: Sobol's first ones, so the same as in the risk
TRIALS: Final = 4096


@dataclass(frozen=True, slots=True)
class OptionIndicators:
    """All options' indicators for one set of draws."""

    months: int
    values: Mapping[str, Any]
    options: tuple[Option, ...]
    sizes: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, drawn: Mapping[str, Floats]) -> dict[str, Floats]:
        """Indicator by `option/indicator`."""
        model, table = Model(self.months), {**self.values, **drawn}
        found: dict[str, Floats] = {}
        for option in self.options:
            rows = model.indicators(option.applied(_sized(option, table, self.sizes)), FIGURES)
            found |= {f"{option.key}/{key}": row for key, row in rows.items()}
        return found


def compare(
    model: Model,
    values: Mapping[str, Any],
    choice: Choice,
    sampling: SamplingPlan | None,
    *,
    sizes: Mapping[str, Any] | None = None,
    idle: bool = True,
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[tuple[OptionResult, ...], Lead | None]:
    """Every option's figures: the plan, then the table's options; and who leads by how much.

    Args:
        model: over the scenario's months.
        values: drivers that the scenario sets, in the base case.
        choice: the options and the accepted share that each must reach.
        sampling: what to draw; None: the base case only.
        sizes: drivers of the model's size, for options that build what the plan doesn't.
        idle: whether doing nothing is a row; if not, the question is of cost alone, and what does
            less of the work wanted of it than `verdict.served_share` isn't in question.
        cancelled: asked after each chunk whether to stop.
    """
    options = (PLAN, *choice.options)
    sizes = sizes or {}
    reasons = {
        option.key: infeasible(option, _sized(option, values, sizes), choice.quality_bar)
        for option in options
    }
    if not idle:
        possible = [option for option in options if reasons[option.key] is None]
        reasons |= _doing_less(model, values, possible, sizes)
    run = OptionIndicators(model.months, values, options, sizes)
    base = run({})
    drawn: dict[str, Floats] = {}
    if sampling is not None:
        sampling = replace(sampling, trials=min(sampling.trials, TRIALS))
        draws = simulate(run, sampling, cancelled=cancelled)
        drawn = draws.indicators
    payoffs = {
        key: (drawn or base)[f"{key}/npv_usd"] for key, reason in reasons.items() if reason is None
    }
    if idle:
        payoffs[NOTHING] = np.zeros(len(next(iter(payoffs.values()), np.zeros(1))))
    best = _share_best(payoffs)
    acts = acting(model, values)
    results = tuple(
        replace(
            _result(option, reasons[option.key], best.get(option.key), base, drawn),
            **_differences(option, model, _sized(option, values, sizes), acts),
        )
        for option in options
    )
    return (*results, _nothing(best[NOTHING])) if idle else results, _lead(payoffs)


def _doing_less(
    model: Model, values: Mapping[str, Any], options: Sequence[Option], sizes: Mapping[str, Any]
) -> dict[str, str]:
    """Options that would be cheap by leaving work undone, as on a fleet that is too small."""
    least = np.ravel(values.get(LEAST_SERVED, model.drivers[LEAST_SERVED].default))[0]
    done = {
        option.key: model.indicators(option.applied(_sized(option, values, sizes)), (SERVED,))
        for option in options
    }
    return {key: "does_less" for key, found in done.items() if found[SERVED][0] < least}


def _result(
    option: Option,
    reason: str | None,
    best: float | None,
    base: Mapping[str, Floats],
    drawn: Mapping[str, Floats],
) -> OptionResult:
    return OptionResult(
        key=option.key,
        figures=tuple(
            figure_of(key, base[f"{option.key}/{key}"][0], drawn.get(f"{option.key}/{key}"))
            for key in FIGURES
        ),
        feasible=reason is None,
        reason=reason,
        probability_best=best,
        kind="plan" if option is PLAN else "option",
        label=option.label,
    )


def _differences(
    option: Option, model: Model, values: Mapping[str, Any], acts: Mapping[str, float]
) -> dict[str, Any]:
    """What the option says otherwise than the plan, and which drivers count in only one of both."""
    if option is PLAN:
        return {}
    changes = _differs(option, model, values)
    own = model.completed(option.applied(values))
    here = acting(model, own)
    alone = _widest(here, {*acts, *changes})
    return {
        "changes": changes,
        "only_here": {key: float(np.ravel(own[key])[0]) for key in alone},
        "not_here": _widest(acts, {*here, *changes}),
    }


def _widest(moves: Mapping[str, float], but: Set[str]) -> tuple[str, ...]:
    """Those that move NPV, the most first."""
    return tuple(sorted(moves.keys() - but, key=lambda key: (-moves[key], key)))


def _differs(option: Option, model: Model, values: Mapping[str, Any]) -> dict[str, float]:
    """The drivers in which the option differs from the plan, in the base case."""
    found = option.applied(values)
    plan = {key: values.get(key, model.drivers[key].default) for key in found}
    return {
        key: float(np.ravel(value)[0])
        for key, value in found.items()
        if not np.array_equal(value, plan[key])
    }


def _nothing(best: float) -> OptionResult:
    """Not doing it: nothing comes in, nothing goes out; what is spent already is spent."""
    zero = {"npv_usd", "peak_funding_usd", "building_total_usd", COST}
    figures = tuple(
        Figure(key, INDICATORS[key].unit, 0.0)
        if key in zero
        else Figure(key, INDICATORS[key].unit, None, status="undefined")
        for key in FIGURES
    )
    return OptionResult(
        NOTHING, figures, feasible=True, reason=None, probability_best=best, kind="nothing"
    )


def _lead(payoffs: Mapping[str, Floats]) -> Lead | None:
    """How far the best is ahead of the next, trial by trial; None where there is no choice."""
    if len(payoffs) < 2:
        return None
    means = {key: float(row.mean()) for key, row in payoffs.items()}
    best, second = sorted(means, key=lambda key: -means[key])[:2]
    ahead = payoffs[best] - payoffs[second]
    mean, at_stake = float(ahead.mean()), max(abs(means[best]), abs(means[second]))
    if len(ahead) == 1:
        return Lead(best, second, mean, None, None, mean > CLEAR * at_stake)
    low, high = (float(end) for end in np.quantile(ahead, [0.1, 0.9]))
    return Lead(best, second, mean, low, high, low > 0 and mean > CLEAR * at_stake)


def distance(
    model: Model, values: Mapping[str, Any], rival: Option, sizes: Mapping[str, Any]
) -> Indicator:
    """The plan's NPV less the rival's, as a function of drivers that both take."""

    def function(table: Mapping[str, Floats]) -> Floats:
        held = {**values, **table}
        places = (held, rival.applied(_sized(rival, held, sizes)))
        plan, other = (model.indicators(place, ["npv_usd"])["npv_usd"] for place in places)
        return np.asarray(plan - other)

    return function


def _sized(
    option: Option, values: Mapping[str, Any], sizes: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The plan's values, and the size of its model where only an option builds one."""
    return values if option is PLAN else {**sizes, **values}


def volume_curve(
    model: Model,
    values: Mapping[str, Any],
    options: Sequence[Option],
    sizes: Mapping[str, Any] | None = None,
) -> VolumeCurve | None:
    """Monthly cost of each option over volume; None where the scenario has no volume.

    Args:
        model: over the plan's months.
        values: drivers in the base case.
        options: those to draw.
        sizes: drivers of the model's size, for options that build what the plan doesn't.
    """
    driver = next((key for key in VOLUMES if _number(model, values, key) > 0), None)
    if driver is None or not options:
        return None
    now = _number(model, values, driver)
    low, high = now * SPAN[0], now * SPAN[1]
    most = model.drivers[driver].maximum
    grid = np.geomspace(low, high if most is None else min(high, most), SEARCHED)

    def cost(volumes: Floats) -> Floats:
        """A row for each option."""
        return np.array([
            _cost(model, option, _sized(option, values, sizes or {}), driver, volumes)
            for option in options
        ])  # fmt: skip

    table = cost(grid)
    names = [option.key for option in options]
    return VolumeCurve(
        requests_per_month=tuple(grid[::SHOWN].tolist()),
        usd_per_month={
            name: tuple(row[::SHOWN].tolist()) for name, row in zip(names, table, strict=True)
        },
        crossings=tuple(
            Crossing(volume, names[before], names[after])
            for volume, before, after in _crossings(cost, grid, table)
        ),
        driver=driver,
    )


def _number(model: Model, values: Mapping[str, Any], key: str) -> float:
    return float(np.mean(values.get(key, model.drivers[key].default)))


def _cost(
    model: Model, option: Option, values: Mapping[str, Any], driver: str, volumes: Floats
) -> Floats:
    fleet = model.drivers["capacity.fleet"]
    ready = {**option.applied(values), "building.months_to_market": 0, driver: volumes}
    if fleet.word(_number(model, ready, fleet.key)) == "given":
        ready[fleet.key] = fleet.number(fleet.key, "monthly")
    return np.asarray(model.run(ready, [COST])[COST][0], dtype=float)


def _crossings(
    cost: Callable[[Floats], Floats], grid: Floats, table: Floats
) -> list[tuple[float, int, int]]:
    """Volumes at which the cheapest option changes, each narrowed to rounding."""
    changes = _changes(grid, table.argmin(axis=0))[:MAX_CROSSINGS]
    for _ in range(ROUNDS):
        if not changes:
            break
        low, high = np.array([change[:2] for change in changes]).T
        inner = np.linspace(low, high, FINER)
        cheapest = cost(inner.ravel()).argmin(axis=0).reshape(inner.shape)
        found = (_changes(*column) for column in zip(inner.T, cheapest.T, strict=True))
        changes = [change for some in found for change in some][:MAX_CROSSINGS]
    return [(high, before, after) for _, high, before, after in changes]


def _changes(grid: Floats, cheapest: NDArray[np.intp]) -> list[tuple[float, float, int, int]]:
    """Neighbours of the grid between which the cheapest differs."""
    return [
        (float(low), float(high), int(before), int(after))
        for (low, high), (before, after) in zip(pairwise(grid), pairwise(cheapest), strict=True)
        if before != after
    ]


def _share_best(payoffs: Mapping[str, Floats]) -> dict[str, float]:
    """Share of trials in which each has the highest NPV; the plan goes before its equals."""
    if not payoffs:
        return {}
    table = np.array(list(payoffs.values()))
    wins = np.bincount(table.argmax(axis=0), minlength=len(payoffs)) / table.shape[1]
    return {key: float(share) for key, share in zip(payoffs, wins, strict=True)}

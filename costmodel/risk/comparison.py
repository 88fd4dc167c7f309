"""The options side by side: what each costs and earns, how often it is best, and at which volume.

All options see the same draws, so their difference isn't blurred by chance. Best is the highest NPV
among those that can be chosen. Cost over volume is that of the first month (cost of revenue, and
the model spread over its life), as if every option were ready from the start; staircases may make
the cheapest change more than once, and every change is listed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from modelworth.costmodel.analysis import Crossing, Figure, OptionResult, VolumeCurve
from modelworth.costmodel.business.indicators import INDICATORS
from modelworth.costmodel.business.model import Model
from modelworth.costmodel.risk.risk import quantiles
from modelworth.costmodel.risk.simulation import simulate
from modelworth.costmodel.scenario.options import Choice, Option, infeasible
from modelworth.costmodel.scenario.sampling_plan import SamplingPlan

Floats = NDArray[np.float64]
FIGURES: Final = (
    "npv_usd", "usd_per_accepted_result", "payback_months", "peak_funding_usd",
    "gross_margin_share", "mean_utilisation_share", "building_total_usd",
)  # fmt: skip
#: what may stand for the volume, the first that the scenario has
VOLUMES: Final = (
    "demand.requests_per_month", "revenue.calls.calls_per_month",
    "revenue.images.images_per_month", "revenue.seats.seats", "revenue.internal.staff",
    "revenue.enterprise.contracts",
)  # fmt: skip
COST: Final = "opening_month_total_usd"
SPAN: Final = (0.01, 1000.0)
SEARCHED: Final = 1025
SHOWN: Final = 8
ROUNDS: Final = 6
MAX_CROSSINGS: Final = 60


#: trials in which the options compete: Sobol's first ones, so the same as in the risk
TRIALS: Final = 4096


@dataclass(frozen=True, slots=True)
class OptionIndicators:
    """All options' indicators for one set of draws; small enough to travel to a worker."""

    months: int
    values: Mapping[str, Any]
    options: tuple[Option, ...]

    def __call__(self, drawn: Mapping[str, Floats]) -> dict[str, Floats]:
        """Indicator by `option/indicator`."""
        model, table = Model(self.months), {**self.values, **drawn}
        found: dict[str, Floats] = {}
        for option in self.options:
            rows = model.indicators(option.applied(table), FIGURES)
            found |= {f"{option.key}/{key}": row for key, row in rows.items()}
        return found


def compare(
    model: Model,
    values: Mapping[str, Any],
    choice: Choice,
    sampling: SamplingPlan | None,
    *,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[OptionResult, ...]:
    """Every option's figures, in the order of the table.

    Args:
        model: over the scenario's months.
        values: drivers that the scenario sets, in the base case.
        choice: the options and the accepted share that each must reach.
        sampling: what to draw; None: the base case only.
        executor: where the trials run; None: threads here.
        progress: told (trials done, trials in all).
        cancelled: asked after each chunk whether to stop.
    """
    reasons = {
        option.key: infeasible(option, values, choice.quality_bar) for option in choice.options
    }
    base = OptionIndicators(model.months, values, choice.options)({})
    drawn: dict[str, Floats] = {}
    if sampling is not None:
        sampling = replace(sampling, trials=min(sampling.trials, TRIALS))
        run = OptionIndicators(model.months, values, choice.options)
        draws = simulate(run, sampling, executor=executor, progress=progress, cancelled=cancelled)
        drawn = draws.indicators
    best = _share_best(drawn or base, [key for key, reason in reasons.items() if reason is None])
    return tuple(
        OptionResult(
            key=option.key,
            figures=tuple(_figure(option.key, key, base, drawn) for key in FIGURES),
            feasible=reasons[option.key] is None,
            reason=reasons[option.key],
            probability_best=best.get(option.key),
        )
        for option in choice.options
    )


def volume_curve(
    values: Mapping[str, Any], options: Sequence[Option], span: tuple[float, float] | None = None
) -> VolumeCurve | None:
    """Monthly cost of each option over volume; None where the scenario has no volume.

    Args:
        values: drivers in the base case.
        options: those to draw.
        span: least and largest volume; None: from a hundredth to a thousand times the scenario's.
    """
    model = Model(3)
    driver = next((key for key in VOLUMES if _number(model, values, key) > 0), None)
    if driver is None or not options:
        return None
    now = _number(model, values, driver)
    low, high = span or (now * SPAN[0], now * SPAN[1])
    most = model.drivers[driver].maximum
    grid = np.geomspace(low, high if most is None else min(high, most), SEARCHED)

    def cost(volumes: Floats) -> Floats:
        """A row for each option."""
        return np.array([_cost(model, option, values, driver, volumes) for option in options])

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
    ready = {**option.applied(values), "building.months_to_market": 0, driver: volumes}
    return np.asarray(model.run(ready, [COST])[COST][0], dtype=float)


def _crossings(
    cost: Callable[[Floats], Floats], grid: Floats, table: Floats
) -> list[tuple[float, int, int]]:
    """Volumes at which the cheapest option changes, each narrowed to rounding."""
    changes = _changes(grid, table.argmin(axis=0))
    for _ in range(ROUNDS):
        finer: list[tuple[float, float, int, int]] = []
        for low, high, _, _ in changes[:MAX_CROSSINGS]:
            inner = np.linspace(low, high, 33)
            finer += _changes(inner, cost(inner).argmin(axis=0))
        changes = finer
    return [(high, before, after) for _, high, before, after in changes[:MAX_CROSSINGS]]


def _changes(grid: Floats, cheapest: NDArray[np.intp]) -> list[tuple[float, float, int, int]]:
    """Neighbours of the grid between which the cheapest differs."""
    return [
        (float(low), float(high), int(before), int(after))
        for (low, high), (before, after) in zip(pairwise(grid), pairwise(cheapest), strict=True)
        if before != after
    ]


def _share_best(found: Mapping[str, Floats], keys: Sequence[str]) -> dict[str, float]:
    """Share of trials in which each option has the highest NPV."""
    if not keys:
        return {}
    table = np.array([found[f"{key}/npv_usd"] for key in keys])
    wins = np.bincount(table.argmax(axis=0), minlength=len(keys)) / table.shape[1]
    return {key: float(share) for key, share in zip(keys, wins, strict=True)}


def _figure(
    option: str, key: str, base: Mapping[str, Floats], drawn: Mapping[str, Floats]
) -> Figure:
    value = float(base[f"{option}/{key}"][0])
    spread = quantiles(drawn[f"{option}/{key}"]) if drawn else None
    return Figure(
        key=key,
        unit=INDICATORS[key].unit,
        base=value if np.isfinite(value) else None,
        p10=spread.p10 if spread else None,
        p50=spread.p50 if spread else None,
        p90=spread.p90 if spread else None,
        share_defined=spread.share_defined if spread else float(np.isfinite(value)),
        status=None if np.isfinite(value) else _missing(key),
        line=INDICATORS[key].line or key,
    )


def _missing(key: str) -> str:
    """Why a figure has no value."""
    return "never" if key.endswith("payback_months") else "undefined"

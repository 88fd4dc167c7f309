"""A scenario in, an analysis out: the one entry for the command line, the pages and the reports.

Everything is computed from the same settings: the scenario's, then what measurements or predictions
say about capacity and the catalogue about rents, then the table's defaults.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from importlib import metadata
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from modelworth.costmodel.analysis import (
    Analysis,
    BreakEven,
    Figure,
    Provenance,
    Risk,
    Series,
    Swing,
)
from modelworth.costmodel.business import capacity, lint
from modelworth.costmodel.business.indicators import INDICATORS, STATUSES
from modelworth.costmodel.business.lint_view import PlanView
from modelworth.costmodel.business.model import Model
from modelworth.costmodel.business.usage import driver_uses, line_uses, weakest
from modelworth.costmodel.risk import verdict
from modelworth.costmodel.risk.assumptions import Assumptions
from modelworth.costmodel.risk.comparison import compare, volume_curve
from modelworth.costmodel.risk.flips import break_even
from modelworth.costmodel.risk.risk import quantiles, summarise
from modelworth.costmodel.risk.sampling import draw
from modelworth.costmodel.risk.sensitivity import ranges_of, sobol_indices, tornado
from modelworth.costmodel.risk.simulation import Draws, ModelIndicators, simulate
from modelworth.costmodel.scenario import default_ranges
from modelworth.costmodel.scenario.options import read_options
from modelworth.costmodel.scenario.sampling_plan import SamplingPlan, plan
from modelworth.costmodel.scenario.scenario import Scenario, Setting
from modelworth.data.catalog import Catalog, load_catalog
from modelworth.data.measurement import Measurement

Floats = NDArray[np.float64]
PARTS: Final = ("risk", "sensitivity", "break_even", "options")
#: parts with a tornado; `tornado` alone leaves out the Sobol indices, for pages that must be quick
SWINGS: Final = frozenset({"sensitivity", "tornado"})
#: trials from which the monthly tables take their quantiles
SERIES_TRIALS: Final = 2048
TORNADO_BARS: Final = 15
BANDS: Final = (
    "revenue_usd", "cost_of_revenue_usd", "gross_profit_usd", "net_cash_usd", "cash_balance_usd",
    "gpus", "utilisation", "requests",
)  # fmt: skip
#: drivers whose break-even is looked for, where they matter
ASKED: Final = (
    "revenue.api.price_usd_per_million_output_tokens", "revenue.seats.price_usd_per_month",
    "demand.requests_per_month", "revenue.seats.seats", "revenue.enterprise.contracts",
    "revenue.images.images_per_month", "revenue.calls.calls_per_month",
    "revenue.calls.price_usd_per_thousand_calls", "revenue.images.price_usd_per_image",
    "revenue.internal.realisation_share", "revenue.price_fall_factor_per_year",
    "compute.rent_on_demand_usd_per_gpu_hour", "capacity.decode_tokens_per_s_per_gpu",
    "demand.peak_over_average", "building.mfu_share", "building.active_parameters",
)  # fmt: skip


def evaluate(
    scenario: Scenario,
    measurements: Iterable[Measurement] = (),
    catalog: Catalog | None = None,
    trials: int | None = None,
    seed: int | None = None,
    parts: Sequence[str] = PARTS,
    *,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    store_digest: str | None = None,
    today: date | None = None,
) -> Analysis:
    """Everything that can be said about a scenario.

    Args:
        scenario: the business question.
        measurements: records that capacity may rest on.
        catalog: prices and devices; None: the shipped tables.
        trials: None: as the scenario says; 0: the base case only.
        seed: None: as the scenario says.
        parts: which of `PARTS` (or `tornado`) to compute beside the base case.
        executor: where the trials run; None: threads here.
        progress: told (trials done, trials in all).
        cancelled: asked now and then whether to stop.
        store_digest: the store's hash, for the provenance.
        today: for the age of sources; None: the day in UTC.

    Raises:
        InputError: if the scenario asks for something that isn't there.
    """
    records = tuple(measurements)
    resolved = capacity.resolve(scenario, records, load_catalog() if catalog is None else catalog)
    basis = _basis(scenario, resolved.settings)
    sampling = _plan(basis, trials, seed)
    draws = None
    if sampling is not None and "risk" in parts:
        run = ModelIndicators(scenario.months, basis.values, tuple(INDICATORS))
        draws = simulate(run, sampling, executor=executor, progress=progress, cancelled=cancelled)
    day = datetime.now(UTC).date() if today is None else today
    found = _analysis(basis, resolved, draws, sampling, parts, records, store_digest, day)
    if "options" not in parts:
        return found
    choice = scenario.choice or read_options("options", None, scenario.hardware.model)
    results = compare(
        basis.model, basis.values, choice, sampling, executor=executor, cancelled=cancelled
    )
    possible = {result.key for result in results if result.feasible}
    drawn = [option for option in choice.options if option.key in possible]
    return replace(found, options=results, volume_curve=volume_curve(basis.values, drawn))


def _basis(scenario: Scenario, extra: Mapping[str, Setting]) -> Assumptions:
    """The scenario's settings over those that measurements and the catalogue give."""
    settings = {**extra, **scenario.settings}
    model = Model(scenario.months)
    if scenario.word("simulation.defaults") == "ranges":
        used = {key: model.drivers[key] for key in sorted(model.drivers_of("npv_usd"))}
        settings = {**default_ranges.settings(used, settings), **settings}
    values = {key: setting.value for key, setting in settings.items()}
    uncertain = {
        key: setting.distribution
        for key, setting in settings.items()
        if setting.distribution is not None
    }
    return Assumptions(scenario, model, settings, values, uncertain)


def _plan(basis: Assumptions, trials: int | None, seed: int | None) -> SamplingPlan | None:
    """What to draw; None where nothing is uncertain or no trials are asked for."""
    scenario = basis.scenario
    count = int(scenario.number("simulation.trials")) if trials is None else trials
    if count == 0 or not basis.uncertain:
        return None
    return plan(
        basis.uncertain,
        correlations=scenario.correlations,
        trials=count,
        seed=int(scenario.number("simulation.seed")) if seed is None else seed,
        sampler=scenario.word("simulation.sampler"),
    )


def _analysis(
    basis: Assumptions,
    resolved: capacity.Resolved,
    draws: Draws | None,
    sampling: SamplingPlan | None,
    parts: Sequence[str],
    records: Sequence[Measurement],
    store_digest: str | None,
    today: date,
) -> Analysis:
    """All parts put together."""
    scenario, model = basis.scenario, basis.model
    base = {key: row[0] for key, row in model.indicators(basis.values).items()}
    drivers = driver_uses(scenario, basis.settings, model, today)
    figures = _figures(basis, base, draws, drivers)
    series = _series(basis, sampling if "risk" in parts else None)
    bars = _tornado(basis) if SWINGS & set(parts) else ()
    risk = _risk(basis, draws, parts)
    plan_to_judge = PlanView(
        scenario, model, basis.settings, basis.values, figures, resolved, drivers, series
    )
    return Analysis(
        scenario=scenario.name,
        text={language: dict(prose) for language, prose in scenario.text.items()},
        months=scenario.months,
        currency=scenario.currency,
        usd_per_currency=scenario.usd_per_currency,
        indicators=figures,
        series=series,
        lines=line_uses(model),
        drivers=drivers,
        verdict=verdict.decide(basis, figures, draws, risk, bars),
        findings=(*resolved.findings, *lint.findings(plan_to_judge)),
        tornado=bars,
        break_evens=_break_evens(basis) if "break_even" in parts else (),
        measurements=resolved.measurements,
        predictions=resolved.predictions,
        provenance=_provenance(scenario, sampling, records, store_digest),
        risk=risk,
    )


def _figures(
    basis: Assumptions,
    base: Mapping[str, float],
    draws: Draws | None,
    drivers: Mapping[str, Any],
) -> dict[str, Figure]:
    """Each indicator with its quantiles."""
    found = {}
    for key, indicator in INDICATORS.items():
        value = float(base[key])
        spread = quantiles(draws.indicators[key]) if draws is not None else None
        used = basis.model.drivers_of(key)
        found[key] = Figure(
            key=key,
            unit=indicator.unit,
            base=value if np.isfinite(value) else None,
            p10=spread.p10 if spread else None,
            p50=spread.p50 if spread else None,
            p90=spread.p90 if spread else None,
            share_defined=spread.share_defined if spread else float(np.isfinite(value)),
            status=_status(key, value, basis),
            basis=weakest(drivers[name].basis for name in used if name in drivers),
            line=indicator.line or key,
        )
    return found


def _status(key: str, value: float, basis: Assumptions) -> str | None:
    """Why there is no value, or what to know about it."""
    if key == "irr_per_year":
        found = basis.model.indicators(basis.values, ["irr_status"])["irr_status"][0]
        return STATUSES[int(found)]
    if np.isfinite(value):
        return None
    return (
        "never" if key.endswith("payback_months") or key == "months_to_zero_margin" else "undefined"
    )


def _series(basis: Assumptions, sampling: SamplingPlan | None) -> dict[str, Series]:
    """Every monthly line, with quantiles for the main ones."""
    model = basis.model
    keys = [key for key in model.formulas if key in model.monthly]
    base = model.run(basis.values, keys)
    bands: dict[str, Floats] = {}
    if sampling is not None:
        drawn = draw(sampling, 0, min(SERIES_TRIALS, sampling.trials))
        run = model.run({**basis.values, **drawn}, BANDS)
        bands = {key: np.quantile(rows, [0.1, 0.5, 0.9], axis=1) for key, rows in run.items()}
    return {key: _one_series(model, key, base[key][:, 0], bands.get(key)) for key in keys}


def _one_series(model: Model, key: str, base: Floats, band: Floats | None) -> Series:
    line = model.formulas[key].line
    low, middle, high = (None, None, None) if band is None else map(tuple, band.tolist())
    return Series(key, line.unit, line.section, tuple(base.tolist()), low, middle, high)


def _tornado(basis: Assumptions) -> tuple[Swing, ...]:
    """NPV with each driver at its low and high: uncertain ones, and defaults nobody confirmed."""
    used = basis.model.drivers_of("npv_usd")
    ranges = {
        key: (row.low, row.high)
        for key, row in basis.model.drivers.items()
        if key in used
        and key not in basis.settings
        and row.distribution in ("pert", "lognormal")
        and row.low is not None
        and row.high is not None
    }
    ranges |= {key: ends for key, ends in ranges_of(basis.uncertain).items() if key in used}
    base = {
        key: float(np.ravel(basis.values.get(key, basis.model.drivers[key].default))[0])
        for key in ranges
    }
    bars = tornado(basis.indicator("npv_usd"), base, ranges)
    return tuple(
        Swing(bar.driver, basis.model.drivers[bar.driver].unit, bar.low, bar.high,
              bar.at_low, bar.at_high)
        for bar in bars[:TORNADO_BARS]
        if bar.width > 0
    )  # fmt: skip


def _risk(basis: Assumptions, draws: Draws | None, parts: Sequence[str]) -> Risk | None:
    if draws is None:
        return None
    indices = None
    if "sensitivity" in parts:
        indices = sobol_indices(
            basis.indicator("npv_usd"), basis.uncertain, draws=1024, seed=draws.plan.seed
        )
    return summarise(draws, indices=indices)


def _break_evens(basis: Assumptions) -> tuple[BreakEven, ...]:
    """Where each driver that people ask about brings NPV to 0."""
    model, found = basis.model, []
    for key in ASKED:
        row = model.drivers[key]
        now = basis.values.get(key, row.default)
        if now == 0:
            continue
        result, solutions = break_even(model, basis.values, key, "npv_usd", 0.0)
        if solutions.least != solutions.most:
            found.append(result)
    return tuple(found)


def _provenance(
    scenario: Scenario,
    sampling: SamplingPlan | None,
    records: Sequence[Measurement],
    digest: str | None,
) -> Provenance:
    trials, seed = (sampling.trials, sampling.seed) if sampling else (0, 0)
    return Provenance(
        command=f"modelworth evaluate {scenario.name}.yaml --trials {trials} --seed {seed}",
        scenario_sha256=scenario.sha256,
        store_digest=digest,
        store_measurements=len(records),
        seed=seed,
        trials=trials,
        versions=_versions(),
    )


@cache
def _versions() -> dict[str, str]:
    """What the analysis was computed with."""
    packages = ("modelworth", "numpy", "scipy")
    return {
        "python": platform.python_version(),
        **{package: metadata.version(package) for package in packages},
    }

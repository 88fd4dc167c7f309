"""A scenario in, an analysis out: the one entry for the command line, the pages and the reports.

Everything is computed from the same settings: the scenario's, then what measurements or predictions
say about capacity and the catalogue about rents, then the table's defaults.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from importlib import metadata
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from modelworth.costmodel.analysis import (
    Analysis,
    BaseCase,
    BreakEven,
    Lead,
    Provenance,
    Risk,
    Series,
)
from modelworth.costmodel.business import capacity, lint, market
from modelworth.costmodel.business.assumptions import Assumptions
from modelworth.costmodel.business.indicators import INDICATORS
from modelworth.costmodel.business.lint_view import PlanView
from modelworth.costmodel.business.model import Model
from modelworth.costmodel.business.published_cases import Check, check_case
from modelworth.costmodel.business.settled import model_sizes, settle
from modelworth.costmodel.business.usage import driver_uses, line_uses
from modelworth.costmodel.risk import since, verdict
from modelworth.costmodel.risk.comparison import PLAN, compare, distance, volume_curve
from modelworth.costmodel.risk.figures import figures
from modelworth.costmodel.risk.flips import break_even
from modelworth.costmodel.risk.risk import SHOWN, sorted_quantiles, summarise
from modelworth.costmodel.risk.sampling import draw
from modelworth.costmodel.risk.sensitivity import sobol_indices
from modelworth.costmodel.risk.simulation import (
    Draws,
    ModelIndicators,
    simulate,
    simulate_few,
)
from modelworth.costmodel.risk.swings import swings
from modelworth.costmodel.scenario.correlations import correlations
from modelworth.costmodel.scenario.options import Option
from modelworth.costmodel.scenario.sampling_plan import SamplingPlan, plan
from modelworth.costmodel.scenario.scenario import Scenario, choice_of
from modelworth.costmodel.scenario.settings import Setting
from modelworth.data.catalog import Catalog, load_catalog
from modelworth.data.errors import InputError
from modelworth.data.measurement import Measurement

Floats = NDArray[np.float64]
Bands = list[Floats]
PARTS: Final = ("risk", "sensitivity", "break_even", "options")
#: parts with a tornado; `tornado` without `flips` leaves out the Sobol indices, what would turn the
#: verdict and which inputs have no effect, for pages that must be quick
SWINGS: Final = frozenset({"sensitivity", "tornado"})
KNOWN: Final = (*PARTS, "tornado", "flips")
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
        parts: one or several of `KNOWN`, to compute beside the base case.
        progress: told (trials done, trials in all).
        cancelled: asked now and then whether to stop.
        store_digest: the store's hash, for the provenance.
        today: for the age of sources; None: the day in UTC.

    Raises:
        InputError: if the scenario asks for something that isn't there, or a part is unknown.
    """
    parts = (parts,) if isinstance(parts, str) else parts
    if unknown := [part for part in parts if part not in KNOWN]:
        raise InputError("parts", ", ".join(unknown), f"some of {', '.join(KNOWN)}")
    records = tuple(measurements)
    prices = load_catalog() if catalog is None else catalog
    resolved = capacity.resolve(scenario, records, prices)
    basis = assumptions(scenario, resolved.settings)
    sampling = _plan(basis, trials, seed)
    simulated = None
    if sampling is not None and "risk" in parts:
        run = ModelIndicators(scenario.months, basis.values, tuple(INDICATORS))
        simulated = _simulated(run, sampling, progress, cancelled)
    day = datetime.now(UTC).date() if today is None else today
    found = _analysis(basis, resolved, simulated, sampling, parts, records, store_digest, day)
    if "options" not in parts:
        return found
    choice = choice_of(scenario)
    sizes = model_sizes(scenario, prices)
    idle = found.verdict.question == "business"
    results, lead = compare(
        basis.model, basis.values, choice, sampling,
        sizes=sizes, idle=idle, cancelled=cancelled,
    )  # fmt: skip
    possible = {result.key for result in results if result.feasible}
    drawn = [option for option in (PLAN, *choice.options) if option.key in possible]
    curve = volume_curve(basis.model, basis.values, drawn, sizes=sizes)
    lead = _with_rival(basis, lead, choice.options, sizes)
    return replace(found, options=results, lead=lead, volume_curve=curve)


def _with_rival(
    basis: Assumptions, lead: Lead | None, options: Sequence[Option], sizes: Mapping[str, Any]
) -> Lead | None:
    """The lead with what moves the plan's distance to the best of the other options."""
    ahead = (lead.best, lead.second) if lead else ()
    rival = next((one for key in ahead for one in options if one.key == key), None)
    if lead is None or rival is None:
        return lead
    moved = swings(basis, distance(basis.model, basis.values, rival, sizes))
    return replace(lead, rival=rival.key, swings=moved[:TORNADO_BARS])


def _simulated(
    run: ModelIndicators,
    sampling: SamplingPlan,
    progress: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool],
) -> tuple[Draws, dict[str, Bands]]:
    """All trials, and quantiles of the main monthly lines over the first of them."""
    if sampling.trials <= SERIES_TRIALS:
        draws, lines = simulate_few(run, sampling, BANDS, progress=progress, cancelled=cancelled)
    else:
        draws = simulate(run, sampling, progress=progress, cancelled=cancelled)
        first = draw(sampling, 0, min(SERIES_TRIALS, sampling.trials))
        lines = Model(run.months).run({**run.values, **first}, BANDS)
    ordered = {key: np.sort(rows, axis=1) for key, rows in lines.items()}
    return draws, {key: sorted_quantiles(rows, SHOWN) for key, rows in ordered.items()}


def assumptions(scenario: Scenario, extra: Mapping[str, Setting]) -> Assumptions:
    """What all parts share: the scenario's settings over those given, completed."""
    settings = settle(scenario, extra)
    values = {key: setting.value for key, setting in settings.items()}
    uncertain = {
        key: setting.distribution
        for key, setting in settings.items()
        if setting.distribution is not None
    }
    return Assumptions(scenario, Model(scenario.months), settings, values, uncertain)


def _plan(basis: Assumptions, trials: int | None, seed: int | None) -> SamplingPlan | None:
    """What to draw; None where nothing is uncertain or no trials are asked for."""
    scenario = basis.scenario
    count = int(scenario.number("simulation.trials")) if trials is None else trials
    if count == 0 or not basis.uncertain:
        return None
    return plan(
        basis.uncertain,
        correlations=correlations(scenario),
        trials=count,
        seed=int(scenario.number("simulation.seed")) if seed is None else seed,
    )


def _analysis(
    basis: Assumptions,
    resolved: capacity.Resolved,
    simulated: tuple[Draws, dict[str, Bands]] | None,
    sampling: SamplingPlan | None,
    parts: Sequence[str],
    records: Sequence[Measurement],
    store_digest: str | None,
    today: date,
) -> Analysis:
    """All parts put together."""
    scenario, model = basis.scenario, basis.model
    draws, bands = simulated or (None, {})
    drawn = None if draws is None else draws.indicators
    keys = [key for key in model.formulas if key in model.monthly]
    row, lines = model.indicators_and_lines(basis.values, model.formulas)
    base = {key: values[0] for key, values in row.items()}
    single = {
        key: float(lines[key][0, 0])
        for key in model.formulas
        if key not in model.monthly and np.isfinite(lines[key][0, 0])
    }
    drivers = driver_uses(scenario, basis.settings, model, today)
    series = {key: _series(model, key, lines[key][:, 0], bands.get(key)) for key in keys}
    found = figures(basis, base, drawn, drivers, series)
    cases, weighted = since.named_cases(basis, draws)
    bars = swings(basis) if SWINGS & set(parts) else ()
    risk = _risk(basis, draws, parts)
    turn = "flips" in parts or "tornado" not in parts
    plan_to_judge = PlanView(
        scenario, model, basis.settings, basis.values, basis.uncertain, found, resolved, drivers,
        series, today, turn,
    )  # fmt: skip
    return Analysis(
        scenario=scenario.name,
        text={language: dict(prose) for language, prose in scenario.text.items()},
        months=scenario.months,
        currency=scenario.currency,
        usd_per_currency=scenario.usd_per_currency,
        indicators=found,
        series=series,
        lines=line_uses(model, single),
        drivers=drivers,
        verdict=verdict.decide(basis, found, draws, risk, bars, turn=turn),
        findings=(*resolved.findings, *lint.findings(plan_to_judge)),
        tornado=bars[:TORNADO_BARS],
        break_evens=_break_evens(basis) if "break_even" in parts else (),
        measurements=resolved.measurements,
        predictions=resolved.predictions,
        provenance=_provenance(scenario, sampling, records, store_digest),
        risk=risk,
        base_case=base_case(scenario),
        market=market.paths(scenario, basis.settings, series),
        named_cases=cases,
        weighted_npv_usd=weighted,
        actuals=since.actuals(basis, series),
    )


def check(
    scenario: Scenario, measurements: Iterable[Measurement] = (), catalog: Catalog | None = None
) -> tuple[Check, ...]:
    """The scenario's expected figures against its base case, as `evaluate` has it.

    Raises:
        InputError: if a figure is expected that there isn't.
    """
    prices = load_catalog() if catalog is None else catalog
    basis = assumptions(scenario, capacity.resolve(scenario, tuple(measurements), prices).settings)
    return check_case(basis.model, basis.values, scenario.expected)


def base_case(scenario: Scenario) -> BaseCase:
    """Which value of an uncertain driver the base case takes."""
    taken: dict[str, BaseCase] = {"mode": "mode", "mean": "mean", "median": "median"}
    return taken[scenario.word("simulation.base_case")]


def _series(model: Model, key: str, base: Floats, band: Bands | None) -> Series:
    """A monthly line, with quantiles where it is a main one."""
    line = model.formulas[key].line
    low, middle, high = (None, None, None) if band is None else (tuple(x.tolist()) for x in band)
    return Series(key, line.unit, line.section, tuple(base.tolist()), low, middle, high)


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
        if basis.values.get(key, row.default) == 0:
            continue
        own = basis.uncertain.get(key)
        result, solutions = break_even(model, basis.values, key, "npv_usd", 0.0, own=own)
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

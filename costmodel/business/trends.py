"""Trends of dated published series, and what a plan is worth if it starts in a later year.

A trend is a straight line through the logarithms over time, by least squares, with the interval of
its slope from Student's t. `demand.market_basis: published` takes the pace of prices and rents from
them, `building.growth_basis: published` that of training runs. Until its start a plan's prices and
rents follow its own market path (`demand.years_until_start`). The series are of models that became
known, so growth is of the frontier; nothing says that a trend goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import scipy

from modelworth.costmodel.analysis import Dated
from modelworth.costmodel.business import market
from modelworth.costmodel.business.model import Model
from modelworth.costmodel.scenario.distributions import parse
from modelworth.costmodel.scenario.drivers import MARKET, load_drivers
from modelworth.costmodel.scenario.scenario import Scenario, opening_year
from modelworth.costmodel.scenario.settings import Setting
from modelworth.data.history import past_training_costs

RENT: Final = "compute.rent_fall_factor_per_year"
GROWTH: Final = "building.training_growth_factor_per_year"
PROGRESS: Final = "building.compute_fall_factor_per_year"
LATER: Final = "demand.years_until_start"
PATHS: Final = ("demand.market_price_path", "compute.rent_path")
LEAST_DATES: Final = 8
LAST_YEAR: Final = 2030
SHOWN: Final = ("market_price_index", "rent_index", "opening_training_index")


@dataclass(frozen=True, slots=True)
class Trend:
    """A series' pace.

    Attributes:
        key: `price`, `rent`, `training_price` (USD a FLOP), `training_compute` (FLOPs a run).
        factor_per_year, low, high: by which it falls in a year (training compute: grows), and the
            95% interval.
        error: standard error of the factor's logarithm.
        first, last: dates of its oldest and newest value.
    """

    key: str
    factor_per_year: float
    low: float
    high: float
    error: float
    count: int
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Start:
    """A plan begun in a year: NPV in its base case at that start, and what moved until then."""

    year: int
    npv_usd: float
    market_price_index: float
    rent_index: float
    training_index: float


def trends(accelerator: str | None) -> tuple[Trend, ...]:
    """Prices, rents and training runs."""
    runs = past_training_costs()
    price_of_work = [
        (row.date, row.amortised_usd / row.training_flop)
        for row in runs
        if row.amortised_usd and row.training_flop
    ]
    compute = [(row.date, row.training_flop) for row in runs if row.training_flop]
    return (
        fitted("price", _paid(market.prices())),
        fitted("rent", _rents(accelerator)),
        fitted("training_price", price_of_work),
        fitted("training_compute", compute, grows=True),
    )


def fitted(key: str, dated: Sequence[tuple[str, float]], *, grows: bool = False) -> Trend:
    """The pace of a series with three or more dates."""
    dates = sorted(date for date, _ in dated)
    years, values = (np.array(column) for column in zip(*_numbers(dated), strict=True))
    away, logs = years - years.mean(), np.log(values)
    slope = float(away @ logs / (away @ away))
    left = logs - logs.mean() - slope * away
    error = float(np.sqrt(left @ left / (len(logs) - 2) / (away @ away)))
    pace = slope if grows else -slope
    reach = float(scipy.special.stdtrit(len(logs) - 2, 0.975)) * error
    value, low, high = (float(np.exp(pace + sign * reach)) for sign in (0, -1, 1))
    return Trend(key, value, low, high, error, len(logs), dates[0], dates[-1])


def settings(scenario: Scenario) -> dict[str, Setting]:
    """What the published series say where the scenario asks for them."""
    wanted = {"demand.market_basis": ("price", "rent"), "building.growth_basis": ("compute",)}
    if all(scenario.word(basis) == "given" for basis in wanted):
        return {}
    price, rent, _, compute = trends(scenario.hardware.accelerator)
    found: dict[str, Setting] = {}
    if scenario.word("demand.market_basis") == "published":
        found |= {MARKET: _setting(MARKET, price), RENT: _setting(RENT, rent)}
    if scenario.word("building.growth_basis") == "published":
        saved = "what algorithms save is spent within the published runs already"
        found |= {
            GROWTH: _setting(GROWTH, compute),
            PROGRESS: Setting(1.0, source=saved, as_of=compute.last, basis="published"),
        }
    return found


def by_start(months: int, start: str, values: Mapping[str, Any]) -> tuple[Start, ...]:
    """The plan in its own year and each later one until 2030, at least three: one run.

    Empty where a path is a table: its months are those of operation, whenever that begins.
    """
    model = Model(months)
    tables = [float(model.drivers[key].number(key, "table")) for key in PATHS]
    if any(values.get(key) == table for key, table in zip(PATHS, tables, strict=True)):
        return ()
    opening = opening_year(start)
    ahead = np.arange(max(LAST_YEAR, opening + 3) - opening + 1.0)
    later = {**values, LATER: ahead + float(values.get(LATER, 0.0))}
    npv = model.indicators(later, ["npv_usd"])["npv_usd"]
    lines = model.run(later, SHOWN)
    moved = [np.broadcast_to(lines[key][0], ahead.shape) for key in SHOWN]
    return tuple(
        Start(opening + place, float(npv[place]), *(float(line[place]) for line in moved))
        for place in range(len(ahead))
    )


def _setting(driver: str, trend: Trend) -> Setting:
    row = load_drivers()[driver]
    spec = {"lognormal": {"median": trend.factor_per_year, "sigma": trend.error}}
    drawn = parse(driver, spec, (row.minimum, row.maximum))
    source = f"trend of {trend.count} dated values, {trend.first} to {trend.last}"
    return Setting(drawn.base, drawn, spec, source=source, as_of=trend.last, basis="published")


def _rents(accelerator: str | None) -> list[tuple[str, float]]:
    """Of the accelerator's family where dates enough span a year, else of the usual one."""
    own = _paid(market.rents(accelerator))
    years = [year for year, _ in _numbers(own)]
    enough = len(set(years)) >= LEAST_DATES and max(years) - min(years) >= 1
    return own if enough else _paid(market.rents(None))


def _paid(series: Sequence[Dated]) -> list[tuple[str, float]]:
    return [(it.date, it.usd) for it in series]


def _numbers(dated: Sequence[tuple[str, float]]) -> list[tuple[float, float]]:
    """Years with their fractions; a month stands for its middle, a year for its own."""
    found = []
    for date, value in dated:
        year, month, day = (*map(int, date.split("-")), 7, 15)[:3]
        found.append((year + (month - 1) / 12 + (day - 1) / 365, value))
    return found

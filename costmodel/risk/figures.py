"""The figures that people ask for, with what must be known to read each of them.

A unit cost says of which months it is. What may never happen (payback) is ranked over all trials
with "never" as the last, so that a median isn't one of the lucky. A rate of return beyond anything
that money can earn, as where hardly any is put in, isn't meaningful, and isn't shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from modelworth.costmodel.analysis import DriverUse, Figure, Series
from modelworth.costmodel.business.assumptions import Assumptions
from modelworth.costmodel.business.indicators import INDICATORS, STATUSES
from modelworth.costmodel.business.usage import weakest
from modelworth.costmodel.risk.risk import Quantiles, quantiles, ranked_quantiles

Floats = NDArray[np.float64]
#: a yearly rate of return above this (1,000%) says only that little money was put in
MEANINGFUL_RATE: Final = 10.0
RATES: Final = frozenset({"irr_per_year", "mirr_per_year"})
#: what may never happen; `never` is then an answer
EVENTS: Final = frozenset({"payback_months", "discounted_payback_months", "months_to_zero_margin"})
#: what says nothing where only the cost is asked for: nothing comes in that could pay it back
OF_REVENUE: Final = RATES | EVENTS | {
    "markup_share", "serving_markup_share", "training_return_ratio", "terminal_share_of_value",
    "lifetime_value_usd", "acquisition_usd_per_account", "total_revenue_usd",
    "total_net_profit_usd", "opening_revenue_usd_per_day", "gross_margin_share",
}  # fmt: skip
#: unit cost → its parts: cost and quantity by month, and how many units it is of
UNIT_COSTS: Final[Mapping[str, tuple[str, str, float]]] = {
    "usd_per_million_input_tokens": ("input_cost_usd", "served_prompt_tokens", 1e6),
    "usd_per_million_output_tokens": ("output_cost_usd", "served_output_tokens", 1e6),
    "usd_per_million_tokens": ("token_cost_usd", "served_tokens", 1e6),
    "usage_usd_per_million_input_tokens": ("input_usage_usd", "served_prompt_tokens", 1e6),
    "usage_usd_per_million_output_tokens": ("output_usage_usd", "served_output_tokens", 1e6),
    "usd_per_thousand_requests": ("request_cost_usd", "served_requests", 1e3),
    "usd_per_image": ("image_cost_usd", "served_images", 1.0),
    "usd_per_thousand_calls": ("call_cost_usd", "served_calls", 1e3),
    "usd_per_accepted_result": ("result_cost_usd", "accepted_results", 1.0),
    "serving_cost_per_seat_usd": ("seat_cost_usd", "seats", 1.0),
    "usd_per_free_user_month": ("free_user_cost_usd", "free_users", 1.0),
}


def figures(
    assumptions: Assumptions,
    base: Mapping[str, float],
    drawn: Mapping[str, Floats] | None,
    drivers: Mapping[str, DriverUse],
    series: Mapping[str, Series],
) -> dict[str, Figure]:
    """Each indicator with its quantiles, conventions and basis."""
    opening = int(assumptions.number("building.months_to_market")) + 1
    return {
        key: _figure(assumptions, key, base[key], drawn, drivers, series, opening)
        for key in INDICATORS
    }


def _figure(
    assumptions: Assumptions,
    key: str,
    found: float,
    drawn: Mapping[str, Floats] | None,
    drivers: Mapping[str, DriverUse],
    series: Mapping[str, Series],
    opening: int,
) -> Figure:
    if key in OF_REVENUE and assumptions.scenario.word("verdict.question") == "cost":
        return Figure(key, INDICATORS[key].unit, None, status="undefined")
    used = assumptions.model.drivers_of(key)
    unit_cost = key in UNIT_COSTS
    return replace(
        figure_of(key, found, None if drawn is None else drawn[key]),
        status=_status(assumptions, key, found, series),
        basis=weakest(drivers[name].basis for name in used if name in drivers),
        opening=_of_month(key, series, opening) if unit_cost else None,
        last=_of_month(key, series, -1) if unit_cost else None,
    )


def figure_of(key: str, found: float, drawn: Floats | None) -> Figure:
    """An indicator's value in the base case and its quantiles over the trials."""
    value = float(found)
    none = Quantiles(None, None, None, None)
    spread = none if drawn is None else spread_of(key, drawn)
    return Figure(
        key=key,
        unit=INDICATORS[key].unit,
        base=value if meaningful(key, value) else None,
        p10=spread.p10,
        p50=spread.p50,
        p90=spread.p90,
        share_defined=spread.share_defined,
        status=None if np.isfinite(value) else missing(key),
        line=INDICATORS[key].line or key,
        mean=spread.mean,
        standard_error=spread.standard_error,
        ranked=key in EVENTS,
        convention="average" if key in UNIT_COSTS else None,
    )


def meaningful(key: str, value: float) -> bool:
    """Whether there is a value, and it says something."""
    return bool(np.isfinite(value) and not (key in RATES and value > MEANINGFUL_RATE))


def spread_of(key: str, values: Floats) -> Quantiles:
    """Quantiles over the trials, each in the way that its figure is to be read."""
    if key in EVENTS:
        return ranked_quantiles(values)
    if key in RATES:
        values = np.where(values > MEANINGFUL_RATE, np.nan, values)
    return quantiles(values)


def missing(key: str) -> str:
    """Why a figure has no value."""
    return "never" if key in EVENTS else "undefined"


def _status(
    assumptions: Assumptions, key: str, value: float, series: Mapping[str, Series]
) -> str | None:
    """Why there is no value, or what to know about it; a margin that never was isn't kept."""
    if key == "months_to_zero_margin" and max(series["gross_profit_usd"].base) <= 0:
        return "undefined"
    if key in RATES and np.isfinite(value) and value > MEANINGFUL_RATE:
        return "not_meaningful"
    if key == "irr_per_year":
        found = assumptions.model.indicators(assumptions.values, ["irr_status"])["irr_status"][0]
        return STATUSES[int(found)]
    return None if np.isfinite(value) else missing(key)


def _of_month(key: str, series: Mapping[str, Series], month: int) -> float | None:
    """A unit cost of one month in the base case."""
    cost, quantity, units = UNIT_COSTS[key]
    if month >= len(series[quantity].base):
        return None
    of = series[quantity].base[month]
    return series[cost].base[month] / of * units if of > 0 else None

"""Which lines of the analysis make up the money page, and how they are put together."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from modelworth.costmodel.analysis import Analysis, Series
from modelworth.costmodel.business.statements import COSTS, OPERATING, REVENUES
from modelworth.costmodel.scenario.drivers import load_drivers
from modelworth.report import spent
from modelworth.report.words import Words

ALL_COSTS = (
    *COSTS, *OPERATING, "building_charge_usd", "fleet_write_off_usd", "interest_usd", "tax_usd",
)  # fmt: skip
RESULT = "net_profit_usd"
CASH = "cash_balance_usd"
MAP_TARGETS = {"npv_usd": 0.0, "gross_margin_share": 0.5, "payback_months": 24.0}
FIRST_OF_MAP = (
    "revenue.api.price_usd_per_million_output_tokens", "demand.requests_per_month",
)  # fmt: skip
SHOWN_COSTS = 6
OTHER = "other_costs_usd"


def profit_series(analysis: Analysis) -> tuple[list[Series], list[Series], Series]:
    """Revenues, costs (the smallest ones together) and the net profit, month by month."""
    revenues = _present(analysis, REVENUES)
    costs = sorted(_present(analysis, ALL_COSTS), key=lambda series: -sum(series.base))
    few, many = costs[:SHOWN_COSTS], costs[SHOWN_COSTS:]
    if many:
        together = tuple(sum(column) for column in zip(*(s.base for s in many), strict=True))
        few.append(Series(OTHER, "usd", "company", together))
    return revenues, few, analysis.series[RESULT]


def _present(analysis: Analysis, keys: Iterable[str]) -> list[Series]:
    """The series that aren't zero throughout."""
    found = [analysis.series[key] for key in keys if key in analysis.series]
    return [series for series in found if any(series.base)]


def first_profit(series: Series) -> int | None:
    """The first month with a profit, None if there is none."""
    return next((month for month, value in enumerate(series.base) if value > 0), None)


def unit_steps(analysis: Analysis, words: Words, month: int) -> list[tuple[str, float]]:
    """Revenue of a month, and each cost that is taken from it, for a thousand accepted results.

    Of a question of cost: the costs alone.
    """
    results = analysis.series["accepted_results"].base[month]
    revenue = analysis.series["revenue_usd"].base[month]
    cost = spent.is_cost(analysis)
    if not results or not (revenue or cost):
        return []
    share, sign = 1000.0 / results, 1.0 if cost else -1.0
    costs = [series for series in _present(analysis, ALL_COSTS) if series.base[month]]
    costs.sort(key=lambda series: -series.base[month])
    few, many = costs[:SHOWN_COSTS], costs[SHOWN_COSTS:]
    steps = [] if cost else [(words.name("revenue_usd"), revenue * share)]
    steps += [(words.name(series.key), sign * series.base[month] * share) for series in few]
    if many:
        rest = sum(series.base[month] for series in many)
        steps.append((words.name(OTHER), sign * rest * share))
    return steps


def sections(analysis: Analysis) -> list[str]:
    """The sections that have monthly lines, in the order of the model."""
    return list(dict.fromkeys(series.section for series in analysis.series.values()))


def monthly(analysis: Analysis, words: Words, section: str) -> pd.DataFrame:
    """A section's lines as a table: a row a line, a column a year's last month, as text."""
    listed = [series for series in analysis.series.values() if series.section == section]
    months = [0, 1, *range(12, analysis.months + 1, 12)]
    rows = [
        {
            "line": words.name(series.key),
            **{
                words.t("column.month", month=month): words.value(series.base[month], series.unit)
                for month in months
            },
            "key": series.key,
        }
        for series in listed
    ]
    return pd.DataFrame(rows)


def map_drivers(analysis: Analysis) -> list[str]:
    """Drivers for the axes of a map: those with a break-even first, then the widest swings."""
    asked = [one.driver for one in analysis.break_evens if one.values]
    swings = [swing.driver for swing in analysis.tornado]
    listed = dict.fromkeys([*asked, *FIRST_OF_MAP, *swings])
    numbers = load_drivers()
    return [key for key in listed if numbers[key].kind == "number"]


def csv(analysis: Analysis) -> str:
    """Every monthly line in full, a row a line: key, unit, then month 0 on."""
    months = (f"month_{month}" for month in range(analysis.months + 1))
    rows = [[one.key, one.unit, one.section, *one.base] for one in analysis.series.values()]
    return pd.DataFrame(rows, columns=["key", "unit", "section", *months]).to_csv(index=False)


def figures_csv(analysis: Analysis) -> str:
    """Every indicator in full: base case, quantiles, unit and what it rests on."""
    columns = ["key", "unit", "base", "p10", "p50", "p90", "status", "basis"]
    rows = [[getattr(one, name) for name in columns] for one in analysis.indicators.values()]
    return pd.DataFrame(rows, columns=columns).to_csv(index=False)


def break_even_table(analysis: Analysis, words: Words) -> pd.DataFrame:
    """Where each driver brings its indicator to the target, or where it was looked for in vain."""
    rows = []
    for one in analysis.break_evens:
        found = ", ".join(words.bare(value, one.unit) for value in one.values)
        tail = words.unit_tail(one.unit)
        rows.append(
            {
                "driver": words.name(one.driver) + (f" ({tail})" if tail else ""),
                "now": words.bare(analysis.drivers[one.driver].value, one.unit),
                "break_even": found or words.t("status.never"),
                "searched": words.bare_range(one.searched_low, one.searched_high, one.unit),
            }
        )
    return pd.DataFrame(rows)

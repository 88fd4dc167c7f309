"""The sections on money: where cost and revenue come from, and what moves the result."""

from __future__ import annotations

from itertools import pairwise

from costmodel.analysis import Influence, Risk, Series, Swing
from dashboard.report.blocks import (
    AreaChart,
    BarChart,
    Bars,
    Block,
    Column,
    Graphic,
    Histogram,
    Line,
    LineChart,
    Paragraph,
    Table,
)
from dashboard.report.context import Context

MOST_BARS = 10
MOST_AREAS = 6
MONTHS_A_YEAR = 12
STATEMENT = (
    "revenue_usd",
    "cost_usd",
    "ebitda_usd",
    "tax_usd",
    "cash_flow_usd",
)


def economics(context: Context) -> list[Block]:
    """Revenue and cost by year, what they are made of, and over time."""
    blocks: list[Block] = [Paragraph(context.t("economics.reading"))]
    blocks += [
        block
        for block in (
            _yearly(context),
            _build_up(context, "revenue"),
            _build_up(context, "cost"),
            _costs_over_time(context),
        )
        if block
    ]
    return blocks


def _money_series(context: Context, keys: tuple[str, ...]) -> list[Series]:
    found = (context.analysis.series.get(key) for key in keys)
    return [series for series in found if series is not None]


def _yearly(context: Context) -> Table | None:
    """Sums over each year; month 0, before opening, has a column of its own."""
    series = _money_series(context, STATEMENT)
    if not series:
        return None
    t, months = context.t, context.analysis.months
    starts = range(1, months + 1, MONTHS_A_YEAR)
    heads = (t("column.opening"), *(t("column.year", year=i + 1) for i in range(len(starts))))
    columns = (
        Column(t("column.per_year"), 2),
        *(Column(head, 1.2, numeric=True) for head in heads),
    )
    rows = tuple(
        (
            context.name(line.key),
            context.value(line.base[0], line.unit),
            *(context.value(sum(line.base[i : i + MONTHS_A_YEAR]), line.unit) for i in starts),
        )
        for line in series
    )
    return Table(columns, rows)

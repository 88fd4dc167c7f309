"""Profit and loss, cash flow and balance sheet of a plan, by month or by year.

Made from the monthly lines as they are: flows are summed over the months of a year, stocks are
those of its last month. The balance closes because what is owned, less what is owed, is the profit
kept so far, the value at exit and the cash put in: cash may be negative, which is what must be
funded. Month 0 stands before the first year.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Literal

from modelworth.costmodel.analysis import Series

Kind = Literal["profit", "cash", "balance"]
Sort = Literal["item", "total"]
YEAR: Final = 12
REVENUES: Final = (
    "api_revenue_usd", "seat_revenue_usd", "enterprise_revenue_usd", "image_revenue_usd",
    "call_revenue_usd", "finetune_revenue_usd", "compute_revenue_usd", "products_revenue_usd",
    "services_revenue_usd", "internal_value_usd",
)  # fmt: skip
COSTS: Final = (
    "gpu_cost_usd", "bought_usd", "inference_usd", "tools_usd", "finetune_service_usd",
    "scrubbing_usd", "review_usd", "support_usd", "payment_fees_usd", "lease_usd",
    "direct_cost_usd", "platform_staff_usd",
)  # fmt: skip
OPERATING: Final = (
    "acquisition_usd", "sales_usd", "general_usd", "research_usd", "compliance_usd",
    "incidents_usd", "setup_usd", "waiting_staff_usd", "commitments_settled_usd",
)  # fmt: skip
PROFIT: Final[tuple[tuple[str, Sort], ...]] = (
    *((key, "item") for key in REVENUES), ("revenue_usd", "total"),
    *((key, "item") for key in COSTS), ("cost_of_revenue_usd", "total"),
    ("gross_profit_usd", "total"),
    *((key, "item") for key in OPERATING), ("operating_expense_usd", "total"),
    ("building_charge_usd", "item"), ("fleet_write_off_usd", "item"),
    ("operating_profit_usd", "total"), ("interest_usd", "item"), ("company_income_usd", "item"),
    ("profit_before_tax_usd", "total"), ("tax_usd", "item"), ("net_profit_usd", "total"),
)  # fmt: skip
CASH: Final[tuple[tuple[str, Sort], ...]] = (
    ("collected_usd", "item"), ("internal_value_usd", "item"), ("fleet_sales_usd", "item"),
    ("exit_usd", "item"), ("debt_drawn_usd", "item"), ("company_income_usd", "item"),
    ("cash_in_usd", "total"), ("suppliers_paid_usd", "item"), ("capex_usd", "item"),
    ("building_usd", "item"), ("interest_usd", "item"), ("debt_repaid_usd", "item"),
    ("cash_out_usd", "total"),
    ("net_cash_usd", "total"),
)  # fmt: skip
ASSETS: Final = ("cash_balance_usd", "receivables_usd", "fleet_book_usd", "model_book_usd")
OWED: Final = ("payables_usd", "deferred_revenue_usd", "debt_owed_usd")
STOCKS: Final = (*ASSETS, *OWED, "kept_profit_usd")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a statement.

    Attributes:
        sort: an item, or a total of those above.
        values: one for each period, in USD.
    """

    key: str
    sort: Sort
    values: tuple[float, ...]


def statement(kind: Kind, series: Mapping[str, Series], *, yearly: bool) -> tuple[Row, ...]:
    """A statement's rows; lines that are 0 throughout are left out, totals aren't.

    Args:
        kind: profit and loss, cash flow, or balance sheet.
        series: the analysis' monthly lines.
        yearly: by year, else by month from 0 on.
    """
    if kind == "balance":
        return _balance(series, yearly=yearly)
    listed = PROFIT if kind == "profit" else CASH
    rows = [
        Row(key, sort, _periods(series[key].base, yearly=yearly, stock=False))
        for key, sort in listed
        if key in series
    ]
    if kind == "cash":
        cash = _periods(series["cash_balance_usd"].base, yearly=yearly, stock=True)
        rows.append(Row("cash_balance_usd", "total", cash))
    return tuple(row for row in rows if row.sort == "total" or any(row.values))


def _balance(series: Mapping[str, Series], *, yearly: bool) -> tuple[Row, ...]:
    """What is owned, what is owed, and the profit kept that makes up the difference."""
    months = stocks(series)
    rows = [
        Row(key, "item", _periods(values, yearly=yearly, stock=True))
        for key, values in months.items()
        if any(values)
    ]
    owned = [sum(values) for values in zip(*(months[key] for key in ASSETS), strict=True)]
    total = Row("assets_usd", "total", _periods(owned, yearly=yearly, stock=True))
    place = len([row for row in rows if row.key in ASSETS])
    return (*rows[:place], total, *rows[place:])


def stocks(series: Mapping[str, Series]) -> dict[str, Sequence[float]]:
    """Each stock by month; what isn't a line of the model is summed up from its flows."""
    built = zip(series["building_usd"].base, series["building_charge_usd"].base, strict=True)
    earned = zip(series["net_profit_usd"].base, series["exit_usd"].base, strict=True)
    made = {
        "model_book_usd": list(accumulate(spent - charged for spent, charged in built)),
        "kept_profit_usd": list(accumulate(profit + value for profit, value in earned)),
    }
    return {key: made[key] if key in made else series[key].base for key in STOCKS}


def _periods(values: Sequence[float], *, yearly: bool, stock: bool) -> tuple[float, ...]:
    """By month as it is; by year the sum of its months, or a stock's last one; month 0 first."""
    if not yearly:
        return tuple(values)
    years = [values[start : start + YEAR] for start in range(1, len(values), YEAR)]
    return (values[0], *((year[-1] if stock else sum(year)) for year in years))


def periods(months: int, *, yearly: bool) -> tuple[int, ...]:
    """The last month of each period: 0, then the years' ends or every month."""
    if not yearly:
        return tuple(range(months + 1))
    return (0, *(min(start + YEAR - 1, months) for start in range(1, months + 1, YEAR)))

"""The Search sheet, hidden: the ladder on which a rate of return is found, and its chart.

Present value at a grid of monthly rates; a rate only where it changes sign exactly once, and then
that interval halved again and again. The spreadsheet's own IRR starts from what is found here: left
alone, LibreOffice's gives up below -30% a month, and any may find one rate of several.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, Final

from xlsxwriter.utility import xl_rowcol_to_cell

from modelworth.costmodel.business.finance import RATES
from modelworth.costmodel.business.indicators import INDICATORS
from modelworth.report.formats.sheets.excel_formula import MONTH_ROW, column
from modelworth.report.formats.sheets.sheet import Paper, finite

FIRST, HEAD, GRID_COLUMN = 4, 3, 0  # rate, present value, change of sign
GRID: Final = 241  # as many rates as `finance` tries
HALVINGS: Final = 45
NONE = '"n/a"'
TOP = FIRST + GRID + 1


def write_search(paper: Paper) -> None:
    """The whole sheet, out of sight."""
    paper.begin(paper.t("sheet.search"), paper.t("search.note"), [("A:D", 18.0)])
    line = flows_line(paper)
    if line:
        _ladder(paper, line)
    paper.sheet.hide()


def flows_line(paper: Paper) -> str | None:
    """The line whose rates of return are sought."""
    lines = {item.line for item in INDICATORS.values() if item.method == "rates" and item.line}
    return next((line for line in lines if paper.plan.has(line)), None)


def count_and_rate(paper: Paper) -> tuple[str, str]:
    """Where the number of changes of sign and the monthly rate that was found stand."""
    name = paper.plan.names["search"]
    count = xl_rowcol_to_cell(TOP, GRID_COLUMN + 2, row_abs=True, col_abs=True)
    rate = xl_rowcol_to_cell(TOP + 2 + HALVINGS, GRID_COLUMN, row_abs=True, col_abs=True)
    return f"'{name}'!{count}", f"'{name}'!{rate}"


def _ladder(paper: Paper, line: str) -> None:
    """Present value of the cash flow at each rate of the grid, and where it changes sign."""
    t = paper.t
    flows = [paper.context.analysis.series[line].base, paper.plan.whole(line)]
    months = f"'{paper.plan.layout.places[line].sheet}'!{_month_span(paper)}"
    paper.heads(HEAD, [t(f"profile.{head}") for head in ("rate", "npv", "change")], GRID_COLUMN)
    rates = [(1 + RATES[0]) * ((1 + RATES[1]) / (1 + RATES[0])) ** (i / (GRID - 1)) - 1
             for i in range(GRID)]  # fmt: skip
    values = [_worth(flows[0], rate) for rate in rates]
    changes = [0, *((a < 0) != (b < 0) for a, b in pairwise(values))]
    low, ratio = 1 + RATES[0], (1 + RATES[1]) / (1 + RATES[0])
    for i, rate in enumerate(rates):
        row = FIRST + i
        here = xl_rowcol_to_cell(row, GRID_COLUMN)
        worth, before = (xl_rowcol_to_cell(row - up, GRID_COLUMN + 1) for up in (0, 1))
        step = f"={low!r}*({ratio!r})^({i}/{GRID - 1})-1"
        paper.formula(row, GRID_COLUMN, step, paper.styles["share"], rate)
        total = f"=SUMPRODUCT({flows[1]}*(1+{here})^(-{months}))"
        paper.formula(row, GRID_COLUMN + 1, total, paper.styles["wide"], values[i])
        change = f"=IF(({worth}<0)<>({before}<0),1,0)" if i else "=0"
        paper.formula(row, GRID_COLUMN + 2, change, paper.styles["count"], float(changes[i]))
    _found(paper, line, rates, [float(change) for change in changes])


def _month_span(paper: Paper) -> str:
    last = column(paper.context.analysis.months)
    return f"${column(0)}${MONTH_ROW + 1}:${last}${MONTH_ROW + 1}"


def _found(paper: Paper, line: str, rates: list[float], changes: list[float]) -> None:
    """How often the sign changes; then the first interval in which it does, halved to a point."""
    top, t = TOP, paper.t
    rate, worth, change = (
        f"${letter}${FIRST + 1}:${letter}${FIRST + GRID}"
        for letter in map(_letter, range(GRID_COLUMN, GRID_COLUMN + 3))
    )
    paper.text(top, GRID_COLUMN, t("profile.count"))
    count = sum(changes)
    paper.formula(top, GRID_COLUMN + 2, f"=SUM({change})", paper.styles["count"], count)
    heads = ("low", "high", "npv")
    paper.heads(top + 1, [t(f"profile.{head}") for head in heads], GRID_COLUMN)
    place = f"MATCH(1,{change},0)"
    starts = [
        f"=IFERROR(INDEX({rate},{place}-1),{NONE})",
        f"=IFERROR(INDEX({rate},{place}),{NONE})",
    ]
    at = next((index for index, value in enumerate(changes) if value), None)
    ends = (math.nan, math.nan) if at is None else (rates[at - 1], rates[at])
    flows = paper.context.analysis.series[line].base
    below = f"=IFERROR(IF(INDEX({worth},{place}-1)<0,1,0),{NONE})"
    sign = math.nan if at is None else float(_worth(flows, ends[0]) < 0)
    paper.text(top, GRID_COLUMN + 3, t("profile.below"))
    paper.formula(top + 1, GRID_COLUMN + 3, below, paper.styles["count"], finite(sign))
    for step in range(HALVINGS + 1):
        row = top + 2 + step
        _interval(paper, line, row, _halved(row) if step else starts, ends)
        ends = _closer(flows, ends)


def _interval(
    paper: Paper, line: str, row: int, formulas: list[str], ends: tuple[float, float]
) -> None:
    """One interval: its ends, and the present value in its middle."""
    style = paper.styles["share"]
    for offset, (formula, end) in enumerate(zip(formulas, ends, strict=True)):
        paper.formula(row, GRID_COLUMN + offset, formula, style, finite(end))
    low, high = (xl_rowcol_to_cell(row, GRID_COLUMN + offset) for offset in (0, 1))
    months = f"'{paper.plan.layout.places[line].sheet}'!{_month_span(paper)}"
    total = f"SUMPRODUCT({paper.plan.whole(line)}*(1+({low}+{high})/2)^(-{months}))"
    worth = _worth(paper.context.analysis.series[line].base, sum(ends) / 2)
    formula = f"=IFERROR({total},{NONE})"
    paper.formula(row, GRID_COLUMN + 2, formula, paper.styles["wide"], finite(worth))


def _halved(row: int) -> list[str]:
    """The half of the interval above in which the sign changes."""
    low, high, middle = (xl_rowcol_to_cell(row - 1, GRID_COLUMN + offset) for offset in range(3))
    below = xl_rowcol_to_cell(FIRST + GRID + 2, GRID_COLUMN + 3, row_abs=True, col_abs=True)
    same, half = f"IF({middle}<0,1,0)={below}", f"({low}+{high})/2"
    return [
        f"=IFERROR(IF({same},{half},{low}),{NONE})",
        f"=IFERROR(IF({same},{high},{half}),{NONE})",
    ]


def _closer(flows: tuple[float, ...], ends: tuple[float, float]) -> tuple[float, float]:
    """The half of the interval in which the present value changes sign."""
    low, high = ends
    middle = (low + high) / 2
    if math.isnan(middle):
        return ends
    same = (_worth(flows, middle) < 0) == (_worth(flows, low) < 0)
    return (middle, high) if same else (low, middle)


def _worth(flows: tuple[float, ...], rate: float) -> float:
    """Present value of the flows, as the cells compute it."""
    return math.fsum(flow * (1 + rate) ** -month for month, flow in enumerate(flows))


def _letter(number: int) -> str:
    return xl_rowcol_to_cell(0, number).rstrip("1")


def profile_chart(paper: Paper) -> Any:
    """Present value over the rates that anyone would ask about: -5% to 12% a month."""
    step = math.log((1 + RATES[1]) / (1 + RATES[0])) / (GRID - 1)
    first, last = (FIRST + int(math.log((1 + x) / (1 + RATES[0])) / step) for x in (-0.05, 0.12))
    sheet = paper.plan.names["search"]
    chart = paper.book.add_chart({"type": "scatter", "subtype": "straight"})
    chart.add_series(
        {
            "name": paper.context.name("npv_usd"),
            "categories": [sheet, first, GRID_COLUMN, last, GRID_COLUMN],
            "values": [sheet, first, GRID_COLUMN + 1, last, GRID_COLUMN + 1],
            "line": {"width": 2},
        }
    )
    chart.set_title({"name": paper.t("profile.title"), "name_font": {"size": 12}})
    chart.set_x_axis({"name": paper.t("profile.rate"), "num_format": "0%", "label_position": "low",
                      "min": -0.05, "max": 0.12})  # fmt: skip
    chart.set_y_axis({"name": paper.context.words.currency, "num_format": "#,##0"})
    chart.set_legend({"none": True})
    chart.set_size({"width": 560, "height": 320})
    return chart

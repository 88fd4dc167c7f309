"""The sheet of yearly statements: profit and loss, cash, volume; sums over the monthly sheets."""

from __future__ import annotations

from modelworth.report.formats.sheets.excel_formula import MONTH_ROW
from modelworth.report.formats.sheets.sheet import Paper

FIRST_VALUE = 2
MONTHS_A_YEAR = 12
#: group → lines of it; a line that is 0 throughout is left out
STATEMENTS = {
    "profit": ("revenue_usd", "cost_of_revenue_usd", "gross_profit_usd", "operating_expense_usd",
               "building_usd", "ebitda_usd", "fleet_depreciation_usd", "interest_usd", "tax_usd",
               "net_profit_usd"),
    "cash": ("cash_in_usd", "cash_out_usd", "capex_usd", "net_cash_usd", "present_value_usd"),
    "volume": ("requests", "prompt_tokens", "generated_tokens"),
}  # fmt: skip
BALANCES = ("cash_balance_usd",)
CHARTED = ("revenue_usd", "net_profit_usd")


def write_years(paper: Paper) -> None:
    """The whole sheet."""
    t, months = paper.t, paper.context.analysis.months
    years = [(start, min(start + MONTHS_A_YEAR - 1, months)) for start in
             range(1, months + 1, MONTHS_A_YEAR)]  # fmt: skip
    spans = [(0, 0), *years, (0, months)]
    paper.begin(
        t("sheet.years"),
        t("years.note", currency=paper.context.words.currency),
        [("A:A", 46.0), ("B:B", 18.0), ("C:Z", 15.0)],
    )
    heads = [t("column.opening"), *(t("column.year", year=i + 1) for i in range(len(years)))]
    paper.heads(MONTH_ROW, [t("column.line"), t("column.unit"), *heads, t("column.total")])
    row, rows = MONTH_ROW + 1, dict[str, int]()
    for group, keys in STATEMENTS.items():
        shown = [key for key in keys if paper.plan.has(key) and any(_values(paper, key))]
        if not shown:
            continue
        row += 1
        paper.text(row, 0, t(f"years.{group}"), "group")
        for key in shown:
            row += 1
            rows[key] = row
            _sums(paper, row, key, spans)
    row = _balances(paper, row + 1, [(0, 0), *years, (months, months)])
    paper.sheet.freeze_panes(MONTH_ROW + 1, FIRST_VALUE)
    _chart(paper, row + 2, rows, len(years))


def _values(paper: Paper, key: str) -> tuple[float, ...]:
    return paper.context.analysis.by_month(key)


def _sums(paper: Paper, row: int, key: str, spans: list[tuple[int, int]]) -> None:
    """A line's sum over each span of months."""
    values = _values(paper, key)
    unit = paper.context.analysis.lines[key].unit
    sums = [sum(values[first : last + 1]) for first, last in spans]
    style = paper.style(unit, *sums)
    paper.text(row, 0, paper.context.name(key))
    paper.text(row, 1, paper.context.words.unit(unit), "unit")
    for offset, ((first, last), value) in enumerate(zip(spans, sums, strict=True)):
        formula = f"=SUM({paper.plan.span(key, first, last)})"
        paper.formula(row, FIRST_VALUE + offset, formula, style, value, unit)


def _balances(paper: Paper, row: int, spans: list[tuple[int, int]]) -> int:
    """What stands at the end of each span; the row after."""
    for key in BALANCES:
        if paper.plan.has(key):
            values = _values(paper, key)
            paper.text(row, 0, paper.context.name(key))
            paper.text(row, 1, paper.t("years.end"), "unit")
            for offset, (_, last) in enumerate(spans):
                formula = f"={paper.plan.span(key, last, last).split(':')[0]}"
                style = paper.style("usd", *values)
                paper.formula(row, FIRST_VALUE + offset, formula, style, values[last], "usd")
            row += 1
    return row


def _chart(paper: Paper, row: int, rows: dict[str, int], years: int) -> None:
    """Revenue and net profit by year, from their cells."""
    first, last = FIRST_VALUE + 1, FIRST_VALUE + years
    series = {
        paper.context.name(key): tuple(
            [paper.name, line, first, line, last] for line in (MONTH_ROW, rows[key])
        )
        for key in CHARTED
        if key in rows
    }
    if series:
        paper.chart("column", (row, 0), series, ({}, {"name": paper.context.words.currency}))

"""The sheets of monthly lines: a formula in every cell, months across."""

from __future__ import annotations

from modelworth.report import said
from modelworth.report.formats.sheets.book import FIRST_ROW, Row
from modelworth.report.formats.sheets.excel_formula import FIRST_COLUMN, MONTH_ROW, column
from modelworth.report.formats.sheets.sheet import Paper

WIDTHS = [("A:A", 46.0), ("B:B", 18.0), ("C:C", 34.0)]
CHARTED = {
    "demand": ("requests",),
    "revenue": ("revenue_usd", "external_revenue_usd"),
    "costs": ("cost_of_revenue_usd", "operating_expense_usd", "building_usd"),
    "cash_flow": ("cash_balance_usd",),
    "capacity": ("utilisation",),
}


def write_lines(paper: Paper) -> None:
    """One sheet."""
    months = paper.context.analysis.months
    widths = [*WIDTHS, (f"{column(0)}:{column(months)}", 12.0)]
    paper.begin(paper.t(f"sheet.{paper.key}"), paper.t("lines.note"), widths)
    paper.heads(MONTH_ROW, [paper.t(f"column.{head}") for head in ("month", "unit", "key")])
    for month in range(months + 1):
        paper.sheet.write_number(MONTH_ROW, FIRST_COLUMN + month, month, paper.styles["head"])
    last = FIRST_ROW
    for section, rows in paper.plan.lines(paper.key):
        paper.text(rows[0].row - 1, 0, paper.t(f"group.{section}"), "group")
        for row in rows:
            _line(paper, row)
            if row.key not in paper.plan.used.lines:
                paper.sheet.set_row(row.row, None, None, {"level": 1, "hidden": True})
        last = rows[-1].row
    paper.sheet.outline_settings(True, False)
    paper.sheet.freeze_panes(MONTH_ROW + 1, FIRST_COLUMN)
    paper.sheet.repeat_rows(MONTH_ROW)
    paper.sheet.repeat_columns(0, 1)
    paper.sheet.fit_to_pages(2, 0)
    _chart(paper, last + 3)


def _line(paper: Paper, row: Row) -> None:
    style = paper.style(row.unit, *row.values)
    paper.text(row.row, 0, paper.context.name(row.key))
    formula = paper.context.analysis.lines[row.key].formula
    paper.note(row.row, 0, f"{formula}  [{said.source(paper.context.words, row.source)}]")
    paper.text(row.row, 1, paper.context.words.unit(row.unit))
    paper.text(row.row, 2, row.key, "quiet")
    for month, (formula, value) in enumerate(zip(row.formulas, row.values, strict=True)):
        paper.formula(row.row, FIRST_COLUMN + month, formula, style, value, row.unit)


def _chart(paper: Paper, row: int) -> None:
    """A native chart of the sheet's main lines, from their cells."""
    keys = [key for key in CHARTED.get(paper.key, ()) if paper.plan.has(key)]
    keys = [key for key in keys if paper.plan.layout.places[key].sheet == paper.name]
    if not keys:
        return
    last = FIRST_COLUMN + paper.context.analysis.months
    places = {paper.context.name(key): paper.plan.layout.places[key].row for key in keys}
    series = {
        name: tuple([paper.name, row, FIRST_COLUMN, row, last] for row in (MONTH_ROW, line))
        for name, line in places.items()
    }
    unit = paper.context.words.unit(paper.context.analysis.lines[keys[0]].unit)
    axes = {"name": paper.t("axis.month"), "interval_unit": 6}, {"name": unit, "num_format": None}
    paper.chart("line", (row, 0), series, axes, ", ".join(places))
